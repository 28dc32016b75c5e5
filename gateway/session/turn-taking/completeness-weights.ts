/**
 * What each feature of a transcript adds to the log-odds that the turn is over. Written by
 * `node test/bench/audio/turn-ends/fit.ts`; not to be edited by hand.
 */
const table = `
address:0.82 asks=0:0.23 asks=3:0.64 bare=0:-0.05 bare=2:-0.05 bare=3:0.11 before=0:-0.47 before=1:-0.14
before=2:0.52 before=3:0.1 bias:-0.16 card=3:-0.26 card=5:-0.37 card=7:-0.18 code=1:-0.1 code=3:0.26
code=4:0.16 cue=more:0.14 cue=no:-0.07 cue=repeat:0.23 digits=0:0.16 digits=1:-0.1 digits=2:-0.42
digits=4:0.34 digits=6:0.42 digits=7:-0.12 fragment=0/0:-0.05 fragment=0/1:0.42 fragment=0/2:-0.13
fragment=1/0:-0.6 fragment=1/1:0.42 fragment=2/0:0.32 fragment=2/1:-0.19 if=0:-0.14 if=1:-0.05 if=2:0.22
inverted=0:-0.29 inverted=1:0.04 inverted=2:0.09 inverted=3:0.11 last=adjective:0.68 last=adverb:-0.12
last=answer:0.17 last=article:-0.5 last=attribute:-0.24 last=auxiliary:0.17 last=be:-0.39 last=closing:0.34
last=conjunction:-0.19 last=contracted:-0.27 last=degree:-0.45 last=demonstrative:0.09 last=digits:0.13
last=doing:-0.05 last=filler:-0.25 last=greeting:-0.16 last=letter:0.17 last=month:-0.11 last=negation:-0.14
last=object:-0.13 last=other:0.17 last=past:0.12 last=plural:0.42 last=possessive:0.2 last=preposition:-0.5
last=quantity:0.1 last=question:0.05 last=state:0.21 last=subject:-0.06 last=subordinator:0.21
last=unit:0.15 last=wanting:0.09 last=weekday:0.13 length=1:-0.27 length=2:-0.39 length=3:-0.48
length=4:0.26 length=5:0.18 length=6:0.7 letters=0:0.05 letters=1:-0.21 letters=2:-0.14 letters=3:0.14
letters=4:0.15 mark=comma:0.04 mark=dash:0.06 mark=dots:-0.55 mark=none:-0.15 mark=question:0.21
mark=stop:0.4 open=address/2:-0.29 open=address/3:0.22 open=address/stop:-0.06 open=answer/1:0.05
open=answer/dots:-0.11 open=answer/stop:0.15 open=asking/1:0.05 open=asking/2:-0.06 open=attribute:0.18
open=attribute/1:0.3 open=attribute/2:-0.06 open=attribute/3:-0.07 open=attribute/none:0.1
open=attribute/question:-0.1 open=attribute/stop:0.19 open=clause:0.15 open=clause/0:-0.1
open=clause/1:-0.05 open=clause/2:0.1 open=clause/3:0.19 open=clause/none:0.14 open=clause/stop:0.05
open=complete:0.45 open=complete/0:-0.08 open=complete/1:0.12 open=complete/2:-0.05 open=complete/3:0.46
open=complete/none:0.28 open=complete/question:0.31 open=complete/stop:-0.1 open=demonstrative:0.09
open=demonstrative/0:0.05 open=demonstrative/1:-0.07 open=demonstrative/2:0.24 open=demonstrative/3:-0.13
open=demonstrative/question:0.11 open=discourse:-0.11 open=discourse/0:-0.09 open=discourse/1:-0.09
open=discourse/2:0.07 open=discourse/none:-0.05 open=embedded/2:-0.11 open=embedded/3:0.12
open=embedded/none:-0.13 open=embedded/question:0.09 open=embedded/stop:0.09 open=filler:-0.09
open=filler/1:-0.09 open=filler/none:-0.05 open=fronted:0.32 open=fronted/2:0.18 open=fronted/3:0.14
open=fronted/none:0.12 open=fronted/question:0.05 open=fronted/stop:0.14 open=function:-0.83
open=function/1:-0.2 open=function/2:-0.39 open=function/3:-0.21 open=function/dash:0.11
open=function/dots:-0.25 open=function/none:-0.71 open=function/question:-0.1 open=function/stop:0.12
open=giving:-0.06 open=giving/1:-0.2 open=giving/2:0.12 open=giving/question:-0.08 open=inverted:0.29
open=inverted/1:-0.12 open=inverted/2:0.29 open=inverted/dots:0.05 open=inverted/none:0.18
open=inverted/question:-0.08 open=inverted/stop:0.08 open=items:0.23 open=items/0:0.12 open=items/2:-0.31
open=items/3:0.45 open=items/dots:-0.09 open=items/none:0.46 open=items/stop:-0.11 open=modifier:-0.25
open=modifier/0:0.14 open=modifier/1:0.08 open=modifier/2:-0.22 open=modifier/3:-0.24
open=modifier/none:-0.07 open=modifier/question:-0.09 open=modifier/stop:-0.1 open=opener:-0.15
open=opener/0:-0.14 open=opener/none:-0.15 open=phrase:0.07 open=phrase/1:-0.08 open=phrase/3:0.14
open=phrase/none:0.09 open=phrase/question:0.08 open=phrase/stop:-0.07 open=predicate:0.32
open=predicate/0:0.06 open=predicate/1:-0.09 open=predicate/2:0.32 open=predicate/none:0.16
open=predicate/stop:0.15 open=shortAnswer:0.31 open=shortAnswer/1:0.44 open=shortAnswer/2:-0.12
open=shortAnswer/dots:0.15 open=shortAnswer/none:0.07 open=shortAnswer/stop:0.13 open=shortQuestion:0.06
open=shortQuestion/0:-0.11 open=shortQuestion/1:0.17 open=shortQuestion/none:0.05 open=stranded:-0.25
open=stranded/2:-0.2 open=stranded/none:-0.12 open=stranded/question:-0.09 open=subordinate/2:0.22
open=subordinate/3:-0.19 open=subordinate/question:0.09 open=subordinate/stop:-0.16 open=transitive:-0.23
open=transitive/0:-0.04 open=transitive/1:-0.28 open=transitive/2:0.05 open=transitive/none:-0.25
open=transitive/question:0.14 open=transitive/stop:-0.11 open=verbless:-0.54 open=verbless/1:-0.09
open=verbless/2:-0.27 open=verbless/3:-0.18 open=verbless/dots:-0.19 open=verbless/none:-0.31
open=verbless/question:-0.13 open=verbless/stop:0.09 openers=1:-0.18 openers=2:0.05 other=0:0.09
other=1:0.26 other=2:-0.09 other=3:0.37 other=5:0.22 other=6:0.2 phone=2:-0.15 phone=4:-0.27 phone=5:-0.14
phone=6:0.23 phrase=0:-0.05 phrase=1:0.13 phrase=2:-0.35 phrase=3:-0.21 place=2:-0.08 place=4:0.28
record=0:0.09 record=1:-0.22 record=2:-0.08 record=3:-0.24 record=4:0.25 record=5:0.29 run=--C:0.07
run=--D:-0.1 run=--N:0.12 run=--P:0.09 run=--Q:-0.11 run=--S:-0.15 run=--V:-0.04 run=--a:0.06 run=--c:-0.4
run=--d:0.15 run=--f:-0.13 run=--o:-0.1 run=--p:-0.05 run=--v:0.16 run=--x:0.12 run=-BS:-0.06 run=-Bc:-0.06
run=-Bd:-0.07 run=-Bo:-0.14 run=-Cg:-0.06 run=-Da:0.19 run=-Dx:-0.05 run=-NN:-0.07 run=-PD:0.07 run=-PN:0.08
run=-Px:0.2 run=-QB:-0.04 run=-QP:0.05 run=-Qa:-0.06 run=-Qd:-0.1 run=-Qv:0.14 run=-Qx:0.09 run=-SB:-0.06
run=-SN:-0.19 run=-SQ:-0.06 run=-SV:-0.17 run=-Sc:0.36 run=-Sg:-0.11 run=-Sn:-0.09 run=-Sp:-0.29
run=-Sv:-0.23 run=-Sx:-0.32 run=-Vo:-0.1 run=-ax:0.05 run=-cB:0.26 run=-cV:-0.07 run=-cp:0.04 run=-cx:-0.04
run=-dx:-0.07 run=-ff:0.04 run=-fg:-0.04 run=-fx:-0.17 run=-gc:0.04 run=-gf:-0.11 run=-go:0.07 run=-gp:-0.15
run=-nc:0.13 run=-ov:-0.05 run=-vp:0.17 run=-xN:0.04 run=-xc:-0.21 run=-xo:0.11 run=-xp:0.17 run=-xx:-0.09
run=BDa:-0.05 run=BDx:-0.22 run=BNN:-0.42 run=BNx:-0.22 run=BPB:-0.12 run=BSB:-0.12 run=BSv:0.09
run=BSx:0.19 run=BcP:0.11 run=Bcc:-0.04 run=Bcg:0.09 run=Bcp:0.05 run=Bdc:-0.11 run=Bdv:0.11 run=Bdx:0.06
run=Bga:0.15 run=BoV:-0.08 run=Bov:0.08 run=Bvc:-0.04 run=Bvo:-0.33 run=Bvp:-0.11 run=Bvx:-0.17 run=Bxv:0.14
run=Bxx:0.42 run=CBd:-0.14 run=CBo:-0.17 run=CDa:-0.09 run=CDx:-0.29 run=CPx:-0.14 run=CSB:0.11
run=CSV:-0.06 run=CSg:-0.08 run=CSv:0.24 run=CSx:0.17 run=Cax:-0.1 run=CcS:-0.05 run=Ccv:0.07 run=CoB:0.13
run=DDx:-0.12 run=DNN:0.05 run=DNQ:-0.04 run=DaN:0.18 run=Dcx:-0.17 run=Dvx:0.26 run=DxB:-0.28 run=DxC:-0.06
run=DxP:-0.09 run=DxS:-0.07 run=DxV:-0.06 run=Dxc:0.15 run=Dxd:-0.1 run=Dxg:-0.12 run=Dxp:-0.22
run=Dxx:-0.08 run=NCN:0.31 run=NDN:0.08 run=NDx:0.11 run=NND:0.09 run=NNN:-0.11 run=NNS:0.24 run=NNx:0.08
run=NPx:0.12 run=NSN:0.11 run=Nxc:-0.14 run=Nxx:0.14 run=PBc:0.07 run=PDa:0.05 run=PDc:-0.13 run=PDx:0.45
run=PNN:-0.05 run=PNx:0.25 run=PVD:-0.04 run=Pax:-0.13 run=Pdx:-0.13 run=PvQ:0.08 run=Pvp:0.13 run=Pxx:0.12
run=QBS:-0.05 run=QBd:0.17 run=QDx:-0.17 run=QSV:0.24 run=QxP:-0.04 run=SBP:0.04 run=SBV:-0.11 run=SBc:0.18
run=SBo:-0.05 run=SBp:-0.1 run=SBv:0.07 run=SBx:-0.1 run=SDv:-0.05 run=SDx:0.05 run=SNN:0.13 run=SVD:-0.06
run=SVd:0.07 run=SVg:0.08 run=SVo:0.08 run=SVx:-0.2 run=Sdx:0.16 run=Sgc:0.14 run=Snc:0.15 run=Sng:-0.07
run=Snv:-0.04 run=Spx:0.07 run=SvP:-0.12 run=Svd:0.27 run=Svg:0.26 run=Svo:-0.22 run=Svp:-0.19 run=SxC:-0.05
run=SxN:-0.12 run=Sxc:0.06 run=Sxo:0.15 run=Sxx:0.2 run=VDa:-0.07 run=VDx:0.19 run=VNx:-0.2 run=VPB:0.11
run=VPV:-0.07 run=VPv:-0.3 run=VPx:-0.22 run=VSB:-0.06 run=Vdx:-0.12 run=VoB:-0.11 run=Vov:-0.09
run=Vox:-0.1 run=Vxx:-0.15 run=aNx:0.18 run=aPB:0.13 run=axc:0.21 run=cDx:-0.19 run=cNN:-0.06 run=cPo:0.06
run=cSB:0.08 run=cSv:0.14 run=cSx:0.14 run=coB:-0.07 run=cvd:-0.08 run=cxo:0.05 run=dBv:0.09 run=dDx:-0.08
run=dPo:0.1 run=dax:0.06 run=dxc:0.11 run=fDx:0.15 run=fSB:0.42 run=gNx:0.12 run=gVo:-0.09 run=gdx:0.14
run=gov:0.05 run=nvo:-0.07 run=oBB:-0.07 run=oBV:-0.06 run=oBc:0.06 run=oBv:0.08 run=oBx:0.3 run=oDa:0.06
run=oDx:0.06 run=oPx:-0.07 run=oSv:-0.19 run=oVP:-0.11 run=oVc:-0.16 run=oVo:-0.07 run=oVv:0.19 run=odx:-0.1
run=ooB:-0.07 run=ovc:0.05 run=ovo:-0.12 run=ovp:-0.14 run=oxB:0.22 run=oxP:-0.05 run=oxo:0.06 run=oxp:-0.11
run=pDa:0.13 run=pDx:0.22 run=pNN:-0.05 run=pSB:-0.07 run=vCc:-0.25 run=vDc:-0.11 run=vDx:-0.29
run=vPd:-0.05 run=vPo:0.15 run=vPv:0.08 run=vPx:0.27 run=vSV:-0.11 run=vSc:0.17 run=vSv:-0.09 run=vSx:-0.16
run=vdx:-0.12 run=voV:-0.04 run=voc:-0.1 run=vpx:0.11 run=xBN:-0.28 run=xBa:0.08 run=xBc:-0.21 run=xBo:-0.13
run=xBv:0.05 run=xBx:-0.43 run=xCS:-0.07 run=xCd:-0.18 run=xCg:-0.17 run=xCo:0.15 run=xCx:0.12 run=xDa:0.15
run=xDv:-0.12 run=xNN:0.26 run=xNx:0.44 run=xPN:-0.26 run=xPV:0.16 run=xPd:-0.18 run=xPv:-0.1 run=xPx:-0.06
run=xSN:0.12 run=xSP:0.14 run=xSV:0.08 run=xSg:-0.07 run=xSx:-0.12 run=xVo:-0.07 run=xVv:0.21 run=xax:-0.14
run=xdx:0.21 run=xoV:0.16 run=xov:0.09 run=xpD:-0.08 run=xpN:0.04 run=xpx:0.19 run=xvc:0.05 run=xxB:0.1
run=xxN:-0.06 run=xxo:-0.16 run=xxp:0.13 second=adjective:0.11 second=adverb:0.26 second=article:-0.37
second=attribute:0.12 second=auxiliary:-0.12 second=be:-0.12 second=closing:0.1 second=conjunction:-0.55
second=contracted:0.39 second=degree:0.21 second=demonstrative:0.37 second=doing:0.24 second=filler:-0.05
second=greeting:-0.28 second=letter:0.36 second=negation:0.49 second=none:-0.27 second=noun:0.1
second=number:-0.18 second=object:-0.15 second=other:-0.21 second=particle:0.09 second=past:-0.51
second=plural:0.2 second=preposition:0.23 second=quantity:0.2 second=question:-0.33 second=state:0.14
second=subject:-0.28 second=subordinator:0.1 second=unit:-0.19 second=wanting:-0.04 second=weekday:-0.05
short=answer:0.18 short=article:-0.12 short=be:0.09 short=conjunction:-0.07 short=contracted:-0.09
short=degree:-0.09 short=demonstrative:-0.12 short=digits:0.06 short=filler:-0.17 short=gerund:0.1
short=greeting:-0.05 short=letter:-0.09 short=negation:-0.04 short=noun:0.08 short=number:0.07
short=other:-0.16 short=particle:-0.11 short=plural:-0.22 short=possessive:0.04 short=preposition:0.2
short=question:-0.05 short=state:0.17 short=subject:-0.07 short=subordinator:0.04 short=unit:-0.09
short=wanting:-0.27 subjectOnly:-0.36 subordinate=0:0.25 subordinate=1:0.04 subordinate=2:0.08
subordinate=3:0.05 turn=0:0.08 turn=1:-0.37 turn=2:-0.14 turn=3:0.04 turn=4:0.24 turn=5:0.16 verbs=0:0.24
verbs=1:-0.25 verbs=2:-0.06 verbs=3:0.06 word=about:-0.14 word=all:-0.05 word=and:-0.14 word=back:0.24
word=can:-0.05 word=did:0.26 word=do:0.18 word=down:0.25 word=have:-0.11 word=in:-0.27 word=is:-0.05
word=it:-0.21 word=just:-0.13 word=like:-0.07 word=me:0.11 word=no:-0.34 word=on:-0.49 word=one:0.45
word=over:-0.07 word=so:0.08 word=that:-0.08 word=then:-0.22 word=there:-0.07 word=too:-0.12 word=up:0.36
word=well:-0.12 word=will:0.12 word=you:-0.15
`;

export const completenessWeights: { readonly [feature: string]: number } = Object.fromEntries(
  table
    .trim()
    .split(/\s+/)
    .map((entry) => {
      const colon = entry.lastIndexOf(":");
      return [entry.slice(0, colon), Number(entry.slice(colon + 1))];
    }),
);
