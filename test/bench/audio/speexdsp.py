"""speexdsp's noise suppressor, for comparison: int32 count and int16 samples (16 kHz) in, the same out, again and again."""

import array
import ctypes
import struct
import sys

FRAME = 256
SET_DENOISE = 0
SET_NOISE_SUPPRESS = 18

speex = ctypes.CDLL("libspeexdsp.so.1")
speex.speex_preprocess_state_init.restype = ctypes.c_void_p
speex.speex_preprocess_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
speex.speex_preprocess_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
speex.speex_preprocess_state_destroy.argtypes = [ctypes.c_void_p]


def suppress(samples, floor_db):
    state = speex.speex_preprocess_state_init(FRAME, 16000)
    for request, value in ((SET_DENOISE, 1), (SET_NOISE_SUPPRESS, floor_db)):
        speex.speex_preprocess_ctl(state, request, ctypes.byref(ctypes.c_int(value)))
    out = array.array("h")
    for at in range(0, len(samples) - FRAME + 1, FRAME):
        frame = (ctypes.c_int16 * FRAME)(*samples[at : at + FRAME])
        speex.speex_preprocess_run(state, frame)
        out.extend(frame)
    speex.speex_preprocess_state_destroy(state)
    return out


while header := sys.stdin.buffer.read(4):
    (count,) = struct.unpack("<i", header)
    heard = array.array("h", sys.stdin.buffer.read(2 * count))
    result = suppress(heard, int(sys.argv[1]))
    sys.stdout.buffer.write(struct.pack("<i", len(result)) + result.tobytes())
