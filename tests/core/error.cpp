#include "support/catch.hpp"

#include <pfad/core/error.hpp>

#include <string>

using namespace pfad;

namespace {

template <class F>
std::pair<errc, std::string> caught(F&& f) {
    try {
        f();
    } catch (const error& e) {
        return {e.code(), e.what()};
    }
    return {errc::backend, "nothing was thrown"};
}

} // namespace

TEST_CASE("expect: names the subject, the rule and the shapes", "[core]") {
    using result = std::pair<errc, std::string>;
    CHECK(caught([] { expect(false, "rate", "is positive"); }) ==
          result{errc::value, "rate: is positive"});
    CHECK(caught([] {
              expect(false, "add", "shapes are equal", shape{1, 2}, shape{3});
          }) == result{errc::shape, "add: shapes are equal, got (1, 2) and (3)"});
    CHECK(caught([] { fail(errc::io, "cannot read x"); }) == result{errc::io, "cannot read x"});
}

TEST_CASE("expect: is silent where the rule holds", "[core]") {
    CHECK_NOTHROW(expect(true, "rate", "is positive"));
    CHECK_NOTHROW(expect(true, "add", "shapes are equal", shape{1}, shape{1}));
}
