// An inspector for 64x64 pictures, loaded once for every test of the program.
#pragma once

#include "train/small_run.hpp"

#include <algorithm>
#include <string>

/// A saved model and the inspector that loads it.
struct loaded_inspector {
    temporary_folder folder;
    std::string file = (folder.path() / "model.safetensors").string();

    loaded_inspector() {
        auto& net = small_network::get();
        pfad::save_model(file, net.model, {"pfadseg", 64, 0.25, {}});
    }
    static const std::string& path() {
        static loaded_inspector files;
        return files.file;
    }
    static const pfad::inspector& get() {
        static const pfad::inspector loaded = pfad::inspector::load(path(), {.threads = 2});
        return loaded;
    }
};

inline bool same(const pfad::detect::inspection& a, const pfad::detect::inspection& b) {
    return a.score == b.score && a.defect == b.defect && a.regions == b.regions &&
           a.map.dims() == b.map.dims() &&
           std::equal(a.map.data(), a.map.data() + a.map.size(), b.map.data()) &&
           std::equal(a.mask.data(), a.mask.data() + a.mask.size(), b.mask.data());
}
