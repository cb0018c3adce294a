// A few pictures, textures and a network that is made once: what the tests of training share.
#pragma once

#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/pfadseg.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

/// One context and one network, all modules off, for every test of the program: making one takes
/// longer than most tests.
struct small_network {
    pfad::context ctx{2};
    pfad::pfadseg<float> model{ctx, {.rcm = false, .aff = false, .pcar = false}};

    static small_network& get() {
        static small_network shared;
        return shared;
    }

    small_network() { model.initialise(3); }
};

/// Every array of the network, by name.
inline std::map<std::string, std::vector<float>> snapshot(pfad::pfadseg<float>& model) {
    std::map<std::string, std::vector<float>> arrays;
    for (const auto& array : pfad::named_arrays<float>(model))
        arrays[array.name].assign(array.values.data, array.values.data + array.size());
    return arrays;
}

inline void restore(pfad::pfadseg<float>& model,
                    const std::map<std::string, std::vector<float>>& arrays) {
    for (auto& array : pfad::named_arrays<float>(model)) {
        const auto& from = arrays.at(array.name);
        std::copy(from.begin(), from.end(), array.values.data);
        array.stamp.touch();
    }
}

/// Good pictures and textures of some size.
struct small_pictures {
    picture_folder folder;
    std::vector<std::filesystem::path> good, textures;

    small_pictures() {
        for (int i = 0; i < 4; ++i) {
            const auto name = std::to_string(i) + ".png";
            good.push_back(folder.picture("good/" + name, some_picture(70, 64, 3, i)));
            textures.push_back(folder.picture("textures/" + name, some_picture(40, 40, 3, 9 + i)));
        }
    }
};

/// Sets how many iterations the shared network's stages have; how it is trained besides.
inline pfad::train::run_options
small_run(pfad::pfadseg<float>& model, int student, int segmentation) {
    model.options.batch = 2;
    model.options.student_iterations = student;
    model.options.segmentation_iterations = segmentation;
    pfad::train::run_options run;
    run.size = 64;
    run.seed = 3;
    run.checkpoint_every = 0;
    return run;
}
