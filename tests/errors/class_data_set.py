from torch import nn
from torch.utils.data import Dataset


class Rows(Dataset):
    def __len__(self):
        return 10


rows = Rows()
model = nn.Linear(len(rows), 2)
