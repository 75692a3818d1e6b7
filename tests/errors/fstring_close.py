a = f"a } b"
