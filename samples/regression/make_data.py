"""Writes houses.csv: 600 made-up flats and what they cost, for the regression sample.

Columns of very different size, which is why the sample normalises them:

    area      m2, uniform in 25 .. 160
    rooms     area / 28 + noise, rounded, at least 1
    year      uniform in 1900 .. 2020
    distance  km from the centre, uniform in 0.2 .. 25
    floor     0 .. 12
    price     in thousands:
              area * (2 + 6 / (1 + distance / 4)) * (1 + 0.3 * ((year - 1965) / 55)^2)
              + 4 * min(floor, 5) + noise of deviation 15

    python3 samples/regression/make_data.py > samples/regression/houses.csv
"""
import random

draw = random.Random(20240501)
print("area,rooms,year,distance,floor,price")
for _ in range(600):
    area = draw.uniform(25, 160)
    rooms = max(1, round(area / 28 + draw.gauss(0, 0.6)))
    year = draw.randint(1900, 2020)
    distance = draw.uniform(0.2, 25)
    floor = draw.randint(0, 12)
    price = area * (2 + 6 / (1 + distance / 4)) * (1 + 0.3 * ((year - 1965) / 55) ** 2)
    price += 4 * min(floor, 5) + draw.gauss(0, 15)
    print(f"{area:.1f},{rooms},{year},{distance:.2f},{floor},{price:.1f}")
