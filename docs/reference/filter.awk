# What doxygen reads of a header; lines keep their numbers.
# - The comment on top becomes the file's page, the folder its group.
# - What is named by a convention gets the convention's docstring, where it has none: fields(), initialise(),
#   how a module is made and called, how a metric sweeps, comparison, `space`. A launcher for a GPU or
#   oneDNN gets that of the loop in pfad::cpu, which must exist.

function documented(line) { return line ~ /^ *\/\/\/|\*\/ *$/ }

# The docstring that the convention gives to a line.
function convention(line,    name) {
    if (line ~ /^ *(\[\[nodiscard\]\] )?auto fields\(\)/)
        return "The parts with their names in PyTorch, in turn: see pfad::fields."
    if (line ~ /^ *void initialise\(initialiser/)
        return "Draws the first values by the rule."
    if (line ~ /^ *friend (constexpr )?(bool operator==|auto operator<=>)\(.*= default;/)
        return "Compares member by member."
    if (line ~ /^ *using space =/)
        return "Where the context's tensors lie."
    if (group ~ /^(nn|models)$/ && line ~ /^ *(explicit )?[a-z0-9_]+\(C& ctx/)
        return "Takes memory from the context; the weights have no values before initialise() or a file."
    if (group == "nn" && line ~ /^ *maps<T, S> operator\(\)\(tape<C>& t,/)
        return "The result for a batch of maps (n, h, w, c), recorded where the tape asks for it."
    if (group == "metrics" && line ~ /^ *void pixel\(std::uint32_t/)
        return "Takes a pixel that scores exactly the threshold to come, by its region: see score_order."
    if (group == "metrics" && line ~ /^ *void threshold\(pixel_counts/)
        return "Takes a threshold, after its pixels: see score_order."
    if (backend && line ~ /^(inline )?void [a-z0-9_]+_(forward|backward[a-z_]*|update|statistics)\((context&|$)/) {
        name = line
        sub(/^(inline )?void /, "", name)
        sub(/\(.*/, "", name)
        return "@copydoc pfad::cpu::" name
    }
    return ""
}

# Declarations of one line apart, with one docstring: doxygen gives it to the first alone.
function apart(line, text,    i, c, depth, part, parts, type, name, all) {
    for (i = 1; i <= length(line); ++i) {
        c = substr(line, i, 1)
        if (c ~ /[<({[]/) ++depth
        if (c ~ /[])}>]/) --depth
        if (depth == 0 && c ~ /[,;]/) {
            name = part
            sub(/ *=.*/, "", name)
            if (parts++ == 0) {
                type = name
                sub(/[^ ]+$/, "", type)
                all = part ";"
            } else
                all = all " /** " text " */ " type part ";"
            part = ""
        } else
            part = part c
    }
    return parts > 1 ? all part : line
}

FNR == 1 {
    group = FILENAME
    sub(/^.*(include|kernels)\/pfad\//, "", group)
    backend = group ~ /^(onednn|cudnn)\// || FILENAME ~ /kernels\/pfad\/ops\//
    if (!sub(/\/.*/, "", group)) group = "whole"
    top = 1
}
top && /^\/\// { lines[++count] = substr($0, 4); print; next }
{ top = 0 }

# A template's head waits for the line behind it.
/^ *template </ && !held && !documented(before) { held = $0; next }
/^ *\/\/\// { shared = documented(before) ? shared " " $0 : $0; gsub(/\/\/\/ */, "", shared) }
documented(before) && /^ *[a-z_:0-9<>A-Z ,]+ [a-z_A-Z]+.*, .*;$/ && !/[(]/ { $0 = apart($0, shared) }
{
    text = held || !documented(before) ? convention($0) : ""
    if (text != "") text = "/** " text " */ "
    if (held) { print text held; print; held = "" } else print text $0
    if (!documented(before) || $0 !~ /^ *template </) before = $0
}
END {
    print "/** @file"
    print "@ingroup " group
    for (i = 1; i <= count; ++i) {
        if (!table && i > 1 && (lines[i] ~ /^ / || group == "ops" && lines[i - 1] ~ /[.:]$/)) { table = 1; print "@verbatim" }
        if (!table) gsub(/[<>@]/, "\\\\&", lines[i])
        print lines[i]
    }
    if (table) print "@endverbatim"
    print "*/"
}
