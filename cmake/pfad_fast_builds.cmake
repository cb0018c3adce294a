# ccache and lld where they are here. What one clone has compiled, another in any folder gets from the
# cache; -D CMAKE_CXX_COMPILER_LAUNCHER= does without it.
find_program(PFAD_CCACHE ccache)
if(PFAD_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
        CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
        CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=pch_defines,time_macros
        CCACHE_DEPEND=1
        ${PFAD_CCACHE})
endif()
find_program(PFAD_LLD ld.lld)
if(PFAD_LLD AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    add_link_options(-fuse-ld=lld)
endif()

# A build that nobody times is done sooner with -O1 here: -O0 costs more where the programs run.
set(PFAD_UNTIMED_FLAGS "" CACHE STRING "Further flags of benchmarks, examples and command lines")
