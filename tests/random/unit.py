"""Many generated C files as one translation unit.

Everything in a generated file is static, and equal models have equal kernels and helpers. So each
definition gets a name that follows from its text (with the names it uses put in already), and is
written once however many models have it: most of a compiler's work on 50 small models is common.
"""
import hashlib
import re

TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|(?:\.|->)\s*[A-Za-z_]\w*|[A-Za-z_]\w*')
# After `static`, or a macro that says how (ONCE, INLINED).
DEFINED = re.compile(r"^(?:typedef\s+\w+|(?:static|[A-Z]+)\b[^(\[=;]*?)"
                     r"\s\**(\w+)\s*(?:[(\[=;]|__attribute__|$)")


def pieces(text):
    """Top-level definitions, and blocks of preprocessor lines between them, without comments."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    piece, braces, directives = [], 0, 0
    for line in text.split("\n"):
        if not line.strip():
            continue
        if not piece or directives:
            directives += line.startswith("#if") - line.startswith("#endif")
        piece.append(line)
        bare = re.sub(r'"(?:\\.|[^"\\])*"', "", line).rstrip()
        braces += bare.count("{") - bare.count("}")
        ends = piece[0].startswith("#") or bare.endswith((";", "}"))
        if ends and braces == 0 and directives == 0:
            yield "\n".join(piece)
            piece = []


def join(files):
    """files: (name, text) of each model. The unit, with the tables unit_models and unit_names."""
    out, seen, models = [], set(), []
    for _, text in files:
        names = {}
        for piece in pieces(text):
            if piece.startswith("int main"):
                continue
            found = None if piece.startswith("#") else DEFINED.match(piece)
            body = piece
            if found:
                names[found.group(1)] = "OWN_NAME"
                body = TOKEN.sub(lambda match: names.get(match.group(), match.group()), piece)
                own = f"{found.group(1)}_{hashlib.sha1(body.encode()).hexdigest()[:12]}"
                names[found.group(1)] = own
                body = body.replace("OWN_NAME", own)
            if body not in seen:
                seen.add(body)
                out.append(body)
        models.append(names["model"])
    table = ",\n    ".join(f"&{m}" for m in models)
    words = ",\n    ".join(f'"{name}"' for name, _ in files)
    return ("\n".join(out) +
            "\nextern const rt_model *const unit_models[];\nextern const char *const unit_names[];\n"
            f"const rt_model *const unit_models[] = {{\n    {table}\n}};\n"
            f"const char *const unit_names[] = {{\n    {words}, 0\n}};\n")
