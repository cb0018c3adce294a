// Everything: oneDNN, stb and nlohmann-json come with the target.
#if __has_include(<pfad/pfadseg.hpp>)
#include <pfad/pfadseg.hpp>
#else
#include <pfad/onednn.hpp>
#endif

int main() {
    pfad::onednn::context ctx(1);
    const auto x = pfad::full<float>(ctx, pfad::shape<4>{{1, 2, 2, 1}}, 2);
    return x.data()[3] == 2 ? 0 : 1;
}
