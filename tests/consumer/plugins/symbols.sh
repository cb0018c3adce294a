# symbols.sh OPEN CLOSED: the plugins show no stb, the closed one nothing of pfad.
shown() { nm --dynamic --defined-only --demangle "$1" | cut -d' ' -f3-; }
for plugin in "$@"; do
    shown "$plugin" | grep -qx run_plugin || { echo "$plugin does not show its function"; exit 1; }
    ! shown "$plugin" | grep '^stbi' || { echo "$plugin shows an stb"; exit 1; }
done
# The standard library's templates are visible whatever they are made of.
shown "$1" | grep -q '^pfad::' || { echo "$1 hides pfad, so there is nothing to compare with"; exit 1; }
! shown "$2" | grep '^pfad::' || { echo "$2 shows pfad"; exit 1; }
