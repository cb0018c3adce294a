# Warnings for our own programs; a user of the headers chooses their own. A warning is an error unless
# the configuration has --compile-no-warning-as-error.
function(pfad_own_target name)
    target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
    set_target_properties(${name} PROPERTIES COMPILE_WARNING_AS_ERROR ON)
endfunction()
