# awk -v to=FOLDER -f extract.awk PAGE.md ..: writes the code blocks of the pages to FOLDER, so that tests
# compile and run them. The language of a block says how:
#   cpp    a block with main(): FOLDER/PAGE/main.cpp; one that begins with "// a/path.hpp": FOLDER/PAGE/a/path.hpp;
#          the others, in their order: FOLDER/PAGE/fragments.inc, for tests/documents/PAGE.cpp to include
#   sh     FOLDER/PAGE/commands.sh, which tests/programs/documents.sh runs line by line
#   cmake  FOLDER/PAGE/project.cmake, which tests/programs/documents.sh builds a program with
#   text   no code: layouts, output
# A block without a language, or of another, is an error.

function place(name) {
    system("mkdir -p '" to "/" page "/" folder_of(name) "'")
    return to "/" page "/" name
}
function folder_of(name) { return name ~ /\// ? substr(name, 1, match(name, /\/[^\/]*$/) - 1) : "." }

function close_block(    name) {
    if (language == "sh")
        name = "commands.sh"
    else if (language == "cmake")
        name = "project.cmake"
    else if (first ~ /^\/\/ [a-z_]+\/[a-z_\/]+[.](hpp|cpp|cuh)$/)
        name = substr(first, 4)
    else if (block ~ /int main\(/)
        name = "main.cpp"
    else {
        name = "fragments.inc"
        block = "#line " begin " \"" FILENAME "\"\n" block
    }
    if (language != "text")
        printf "%s", block >> place(name)
}

FNR == 1 {
    if (open) exit
    page = FILENAME
    sub(/^.*\//, "", page)
    sub(/[.]md$/, "", page)
    page = tolower(page)
}
/^ *```/ {
    if (open) {
        close_block()
        open = 0
    } else {
        language = $0
        sub(/^ *```/, "", language)
        if (language !~ /^(cpp|sh|cmake|text)$/) {
            print FILENAME ":" FNR ": a block is cpp, sh, cmake or, where it is no code, text; not \"" language "\"" > "/dev/stderr"
            failed = 1
        }
        open = 1
        begin = FNR + 1
        block = first = ""
    }
    next
}
open {
    if (block == "") first = $0
    block = block $0 "\n"
}
END {
    if (open) {
        print FILENAME ": a block has no end" > "/dev/stderr"
        failed = 1
    }
    exit failed
}
