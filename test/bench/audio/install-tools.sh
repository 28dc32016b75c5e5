#!/bin/sh
# Installs what the audio suite makes its sounds of, on Debian or Ubuntu: ffmpeg (decodes G.722), human prompts, espeak-ng,
# sox (coughs, knocks, doors); and the noise suppressor that the gate is compared with.
# Without them `npm run bench -- audio` makes its mixes of flite's voices and says what it left out; but turn-ends needs
# espeak-ng, barge-in needs espeak-ng and sox, and both fail without them. A quick run asks neither part for these voices.
set -eu
if [ "$(id -u)" -eq 0 ]; then as_root=""; else as_root="sudo"; fi
packages="ffmpeg espeak-ng sox asterisk-core-sounds-en-g722 libspeexdsp1"
$as_root apt-get update -qq
# No questions: the package of sounds belongs to a telephone exchange that is not wanted here.
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages
