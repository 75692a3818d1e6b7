from safetensors.torch import load_file

body = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, bias=False))
base = nn.Sequential(body, nn.Linear(2, 4))
base.load_state_dict(load_file("base.safetensors"), strict=False)
base[1].load_state_dict(load_file("head.safetensors"))
body.requires_grad_(False)
nn.init.zeros_(base[1].bias)
model = nn.Sequential(body, nn.Tanh(), base[1])
criterion = nn.CrossEntropyLoss(ignore_index=-100)
optimizer = optim.Adam(base[1].parameters(), weight_decay=0.1, decoupled_weight_decay=True)
first = optim.lr_scheduler.ConstantLR(optimizer, 0.5)
scheduler = optim.lr_scheduler.ChainedScheduler([first, optim.lr_scheduler.ExponentialLR(optimizer, 0.9)])
