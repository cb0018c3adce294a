# Warnings for our own programs; a user of the headers chooses their own. A warning is an error unless
# the configuration has --compile-no-warning-as-error.
function(pfad_own_target name)
    target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
    # g++ 12 and 13 see overflows in std::string and std::vector that are none once -O3 has inlined
    # them; AddressSanitizer finds the real ones.
    target_compile_options(${name} PRIVATE
        $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict>)
    # clang++ 19 takes the capture of a structured binding, [n = n], for a shadow; 14 has no other way
    # to capture one. g++ finds the real shadows.
    target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:Clang>:-Wno-shadow>)
    set_target_properties(${name} PROPERTIES COMPILE_WARNING_AS_ERROR ON)
endfunction()
