// golden_check DIR [DIR...] [--backend reference|onednn] [--pcar branches|one_kernel]: runs every
// golden file of some folders, reference in double, onednn in float; --pcar forces how PCAR is
// computed, and leaves out the files that have none. Built against the emulator it is
// golden_check_simt DIR [DIR...].
#include "check_folder.hpp"

int main(int argc, char** argv) {
    return golden::check_folder(argc, argv);
}
