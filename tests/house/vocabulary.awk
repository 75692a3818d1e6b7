# tests/house/vocabulary.awk: arguments of the vocabulary that no fixture gives.
#
#   awk -f tests/house/vocabulary.awk frontend/layers.def … tests/fixtures/models/*.py …
#
# A row of a table is a class and PyTorch's signature. Each argument must be given in a call of the
# class in a fixture, by name or by place, with another value than its default. Prints the others.

BEGIN {
    # What has no numbers to compare: where and how PyTorch computes, and what is refused.
    n = split("device dtype generator foreach fused capturable differentiable size_average reduce " \
              "last_epoch verbose ReduceLROnPlateau.mode return_indices ConvTranspose1d.padding_mode " \
              "ConvTranspose2d.padding_mode", word, " ")
    for (i = 1; i <= n; i++) free[word[i]] = 1
}

# Splits `text`, up to the bracket that closes it, at commas outside brackets and strings.
function arguments(text, part,    i, c, depth, quote, n, from) {
    from = 1
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (quote) {
            if (c == quote) quote = ""
        } else if (c == "'" || c == "\"") {
            quote = c
        } else if (index("([{", c)) {
            depth++
        } else if (depth && index(")]}", c)) {
            depth--
        } else if (!depth && index(",)", c)) {
            part[n + 1] = substr(text, from, i - from)
            gsub(/^[ \n]+|[ \n]+$/, "", part[n + 1])
            if (part[n + 1] != "") n++
            if (c == ")") break
            from = i + 1
        }
    }
    return n + 0
}

# LAYER(Linear, "in_features:int, bias:flag=True", …)
function take_row(row,    name, part, n, i, key, value, by_name) {
    name = row
    gsub(/^[A-Z]+\(|,.*/, "", name)
    match(row, /"[^"]*"( *"[^"]*")*/)
    row = substr(row, RSTART + 1, RLENGTH - 2)
    gsub(/" *"/, "", row)
    class[++n_class] = name
    n = arguments(row ")", part)
    for (i = 1; i <= n; i++) {
        if (part[i] ~ /^\*/) { by_name = 1; continue }
        key = value = part[i]
        sub(/[:=].*/, "", key)
        argument[name, ++count[name]] = key
        if (!by_name) place[name, i] = key
        if (sub(/^[^=]*=/, "", value)) usual[name, key] = value
    }
}

# What follows "Linear(".
function take_call(name, text,    part, n, i, key, value) {
    called[name] = 1
    n = arguments(text, part)
    for (i = 1; i <= n; i++) {
        key = place[name, i]
        value = part[i]
        if (match(value, /^[A-Za-z_]+ *= */)) {
            key = substr(value, 1, RLENGTH)
            gsub(/[ =]/, "", key)
            value = substr(value, RLENGTH + 1)
        }
        if (usual[name, key] != value) given[name, key] = 1
    }
}

function take_file(text,    i, rest) {
    for (i = 1; i <= n_class; i++) {
        rest = text
        while (match(rest, "[^A-Za-z0-9_]" class[i] "\\(")) {
            rest = substr(rest, RSTART + RLENGTH)
            take_call(class[i], rest)
        }
    }
}

FNR == 1 && text { take_file(text); text = "" }
FILENAME ~ /\.py$/ { text = text $0 "\n" }
FILENAME ~ /\.def$/ && /^[A-Z]+\(/ { row = " " }
FILENAME ~ /\.def$/ && row { row = row $0 }
FILENAME ~ /\.def$/ && row && /\)$/ { take_row(substr(row, 2)); row = "" }

END {
    take_file(text)
    for (i = 1; i <= n_class; i++) {
        name = class[i]
        if (!called[name]) print name
        for (k = 1; k <= count[name]; k++) {
            key = argument[name, k]
            if (called[name] && !free[key] && !free[name "." key] && !given[name, key])
                print name "(" key ")"
        }
    }
}
