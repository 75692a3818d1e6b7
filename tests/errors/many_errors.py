import torch
from torch import nn, optim

a0 = b0x
a1 = b1x
a2 = b2x
a3 = b3x
a4 = b4x
a5 = b5x
a6 = b6x
a7 = b7x
a8 = b8x
a9 = b9x
a10 = b10x
a11 = b11x
a12 = b12x
a13 = b13x
a14 = b14x
a15 = b15x
a16 = b16x
a17 = b17x
a18 = b18x
a19 = b19x
a20 = b20x
a21 = b21x
a22 = b22x
a23 = b23x
a24 = b24x
