// The words of a message: functions, masks, threads and where they wait.
#pragma once

#include "fiber.hpp"

#include <string>

namespace simt {

[[nodiscard]] const char* name(operation what);
[[nodiscard]] std::string hexadecimal(unsigned mask);
[[nodiscard]] std::string place(const fiber& f);
[[nodiscard]] std::string waiting(const fiber& f);

} // namespace simt
