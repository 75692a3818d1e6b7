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
assert f'{pi:.3}|{3.0:.3}|{100.0:.3}|{0.00001234:.3}|{1e300:.4}|{5.0:.0}|{12.5:.5}|{-0.0:.2}' == '3.14|3.0|1e+02|1.23e-05|1e+300|5e+00|12.5|-0.0'
assert f'{0.0:.1}|{123456.0:.2}|{1e22:.9}|{float("inf"):.3}|{1.5:10}|{1e-7:}' == '0e+00|1.2e+05|1e+22|inf|       1.5|1e-07'
assert f'{pi:E}|{pi:.3G}|{1e-10:G}|{pi:F}|{pi:n}|{2:g}|{2:.1e}' == '3.141593E+00|3.14|1E-10|3.141593|3.14159|2|2.0e+00'
assert f'{255:X}|{8:o}|{0:b}|{-5:b}|{-255:x}|{7:n}|{2**62:d}' == 'FF|10|0|-101|-ff|7|4611686018427387904'
assert f'{n:_}|{n:_.1f}|{2**40:_x}|{-n:,}|{999:,}|{1000:,}|{n:>+12,}' == '1_234_567|1_234_567.0|100_0000_0000|-1,234,567|999|1,000|  +1,234,567'
assert f'{-0.0:.1f}|{-0.4:.0f}|{0.0: }|{5: d}|{-5: d}|{5:-d}|{5:+.1f}' == '-0.0|-0| 0.0| 5|-5|5|+5.0'
assert f'{7:*^5}|{7:=>4}|{-7:*=6}|{name:*<5}|{name:^}|{7:<3}|{-7:06.1f}' == '**7**|===7|-****7|fc1**|fc1|7  |-007.0'
assert f'{True:5}|{True:d}|{False:>3}|{True:.1f}|{True!s:>5}|{True}' == '    1|1|  0|1.0| True|True'
assert f'{name:.2}|{name:5.1s}|{name!r:>7}|{name!s}|{name!a}|{"ä€😀":.2}|{"ä":>3}' == "fc|f    |  'fc1'|fc1|'fc1'|ä€|  ä"
assert f'{n = }|{n=:,}|{name=!s}|{n   =}' == "n = 1234567|n=1,234,567|name=fc1|n   =1234567"
assert f'{n!=3}|{n==3}|{n>=3}|{n<=3}' == 'True|False|True|False' and f'' == '' and f'{""}' == ''
assert f'{pi:{name and "."}{1}f}' == '3.1' and f'{{{n:{"0"}{9}}}}' == '{001234567}' and f'}}{{' == '}{'
long = f"""{
n}|{name}"""
assert long == '1234567|fc1' and rf'\d{n}' == '\\d1234567' and fr"\{n}" == '\\' + str(n) and F'{n}' f'x' 'y' == '1234567xy'
assert f"{'}'}{'{'}{[1, 2][0]}{(1, 2)[1]}{ {'a': 3}['a']}" == '}{123'
assert '\x41\u00e4\u20ac\U0001f600\101\7\a\b\f\v\t\r\n\'\"\\' == 'Aä€😀A' + '\x07\x07' + '\x08\x0c\x0b\x09\x0d\x0a' + "'" + '"' + '\\'
joined = 'a\
b'
assert joined == 'ab' and '\d\ ' == '\\d\\ ' and r'\n' == '\\n' and len('\x7f') == 1 and '\777' == 'ǿ'
assert """a 'b' "c" ""d""" == 'a \'b\' "c" ""d' and '''it's''' == "it's" and "it's" 'x' == "it'sx"
model = nn.Linear(4, 2)
