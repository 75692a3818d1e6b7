name = f"layer \N{BULLET} {1}"
