import math

model = nn.Linear(3, 2)
optimizer = optim.SGD(model.parameters(), lr=0.1)


def factor(epoch):
    if epoch < 5 and not epoch % 2:
        return (epoch + 1) / 5
    share = min(1.0, float(epoch - 5) / 20)
    return max(0.01, 0.5 * (1 + math.cos(math.pi * share))) if epoch // 3 != 4 else int(epoch / 4) / -8


scheduler = optim.lr_scheduler.LambdaLR(optimizer, factor)
