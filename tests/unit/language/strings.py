"""Strings and their formats: every assertion holds here as under PyTorch."""
from torch import nn

pi, n, name = 3.14159265, 1234567, 'fc1'
assert f'{pi:.2f}|{n:,}|{name!r}|{name:>5}|{name:<5}|{name:^7}|' == "3.14|1,234,567|'fc1'|  fc1|fc1  |  fc1  |"
assert f'{n:>10}|{n:010d}|{-5:+d}|{5:+d}|{0.25:.1%}|{n:x}|{12:b}|{n:e}' == '   1234567|0001234567|-5|+5|25.0%|12d687|1100|1.234567e+06'
assert f'{{{name}}}' == '{fc1}' and f'{n=}' == 'n=1234567' and f'{pi:{8}.{3}}' == '    3.14'
assert f'{[1, 2.0, "a"]} {(1,)} {None} {True}' == "[1, 2.0, 'a'] (1,) None True"
assert f"{'a' if n > 3 else 'b'} {{'x': 1}}" == "a {'x': 1}"
assert '{} {:>4} {k:.1f}'.format('a', 'b', k=3.0) == 'a    b 3.0' and '{1}{0}'.format('a', 'b') == 'ba'
assert '%s has %d of %.2f%%' % ('x', 3, 1.5) == 'x has 3 of 1.50%' and '%5d|' % 42 == '   42|'
assert ', '.join(str(x) for x in [1, 2]) == '1, 2' and '-'.join('abc') == 'a-b-c'
assert 'layer.0.weight'.split('.') == ['layer', '0', 'weight'] and ' a  b '.split() == ['a', 'b']
assert 'layer.0.weight'.endswith('weight') and 'layer'.startswith(('x', 'lay'))
assert 'AbC'.lower() + 'AbC'.upper() + 'two words'.title() + 'abc'.capitalize() == 'abcABCTwo WordsAbc'
assert '  x '.strip() == 'x' and 'xxaxx'.lstrip('x') == 'axx' and 'xxaxx'.rstrip('x') == 'xxa'
assert 'a_b_c'.replace('_', '-') == 'a-b-c' and 'a_b_c'.count('_') == 2 and 'abc'.find('c') == 2
assert '12'.isdigit() and 'ab'.isalpha() and not ''.isdigit() and 'eigh' in 'weights'
assert 'abc'[1] + 'abc'[-1] + 'abcdef'[1:4:2] == 'bcbd' and 'ab' * 2 == 'abab' and len('abc') == 3
assert 'abc' < 'abd' and str(1.0) == '1.0' and int('12' == '12') == 1
model = nn.Linear(4, 2)
