// What an error says.
#pragma once

#include "support/catch.hpp"

#include <pfad/core/error.hpp>

#include <string>

/// The sentence of the pfad::error that f() throws, or "" where it throws none.
template <class F>
std::string sentence_of(F&& f) {
    try {
        f();
    } catch (const pfad::error& failure) {
        return failure.what();
    }
    return "";
}

/// The same of an error that must be of this code.
template <class F>
std::string sentence_of(pfad::errc code, F&& f) {
    try {
        f();
    } catch (const pfad::error& failure) {
        CHECK(failure.code() == code);
        return failure.what();
    }
    return "";
}
