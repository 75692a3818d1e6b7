"""Writes small.csv: the first 2,000 training images of Fashion-MNIST, each 4x4 pixels averaged to one.

    python3 samples/fashion_mnist/make_small.py DIR > samples/fashion_mnist/small.csv

DIR holds train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz. Fashion-MNIST is by Zalando SE,
under the MIT licence (Han Xiao, Kashif Rasul, Roland Vollgraf, 2017).
"""
import gzip
import sys

NAMES = ["t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
images = gzip.open(sys.argv[1] + "/train-images-idx3-ubyte.gz").read()[16:]
labels = gzip.open(sys.argv[1] + "/train-labels-idx1-ubyte.gz").read()[8:]
print(",".join(f"p{r}{c}" for r in range(7) for c in range(7)) + ",kind")
for i in range(2000):
    image = images[784 * i:784 * (i + 1)]
    means = [round(sum(image[28 * (4 * r + a) + 4 * c + b] for a in range(4) for b in range(4)) / 16)
             for r in range(7) for c in range(7)]
    print(",".join(map(str, means)) + "," + NAMES[labels[i]])
