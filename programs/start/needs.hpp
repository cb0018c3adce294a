// Which instructions the programs were compiled for, as far as a processor of the kind may lack them.
#pragma once

/// One kind of them.
struct processor_need {
    const char* name; ///< for people
    bool needed;      ///< by this build
};

/// In the order of start/check.cpp.
extern const processor_need processor_needs[];
