#include "cudnn/convolutions.hpp"
#include "support/catch.hpp"
#include "support/sentence.hpp"

#include <pfad/cuda/copy.hpp>
#include <pfad/cuda/queue.hpp>
#include <pfad/cudnn/conv2d.hpp>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

using namespace pfad;
using namespace pfad::cudnn;

static_assert(queued_context<cudnn::context>);

namespace {

// A GPU in the words in which cuDNN describes one: plans for it can be made on any machine.
// `version` is 100 times the compute capability; a small one has less shared memory and fewer threads
// a multiprocessor than those for data centres.
std::string device_json(int version, int multiprocessors, bool small) {
    const auto number = [](int x) { return std::to_string(x); };
    return R"({"maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
    "regsPerBlock": 65536, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000,
    "l2CacheSize": 62914560, "warpSize": 32, "maxSharedMemoryPerBlock": 49152,
    "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536, "pciDeviceId": 0,
    "maxThreadsPerBlock": 1024, "isTccDriver": 0, "supportCoopLaunch": 1, "driverVer": 13000,
    "totalGlobalMem": 24696061952, "cudaDeviceId": 0, "deviceName": "NVIDIA", "deviceVer": )" +
           number(version) + R"(, "multiProcessorCount": )" + number(multiprocessors) +
           R"(, "maxSharedMemoryPerBlockOptin": )" +
           number(small            ? 101376
                  : version == 800 ? 166912
                                   : 232448) +
           R"(, "maxCtasPerSM": )" + number(small ? 24 : 32) + R"(, "maxThreadsPerSM": )" +
           number(small ? 1536 : 2048) + "}";
}
const std::string h200 = device_json(900, 132, false);

// Every convolution of PFADSeg and of DeSTSeg (all modules off) on a batch of 16 pictures of 256 x
// 256, forward, once each.
std::vector<conv2d_problem> convolutions() {
    std::vector<conv2d_problem> list;
    std::set<plan_key> known;
    for (const bool on : {true, false})
        for (const auto phase : {mode::eval, mode::train})
            for (const auto& p : probe::convolutions({.rcm = on, .aff = on, .pcar = on}, phase, 16))
                if (known.insert(p.key({})).second)
                    list.push_back(p);
    return list;
}

// One of them, in the middle of the student.
const conv2d_problem usual = {operation::forward, CUDNN_DATA_FLOAT,   {{16, 64, 64, 64}},
                              {{64, 3, 3, 64}},   {{16, 64, 64, 64}}, {1, 1, 1}};

std::vector<cudnnBackendNumericalNote_t> notes(const plan& p) {
    std::vector<cudnnBackendNumericalNote_t> all;
    for (const auto& configuration : p.executable.parts(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                                        CUDNN_BACKEND_ENGINECFG_DESCRIPTOR))
        for (const auto& engine :
             configuration.parts(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR))
            for (const auto note : engine.list<cudnnBackendNumericalNote_t>(
                     CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT))
                all.push_back(note);
    return all;
}

bool has(const std::vector<cudnnBackendNumericalNote_t>& list, cudnnBackendNumericalNote_t note) {
    return std::find(list.begin(), list.end(), note) != list.end();
}

} // namespace

TEST_CASE("cudnn conv2d: an H200 has a plan for every convolution of the networks", "[cudnn]") {
    const auto device = device_of(h200);
    const auto all = convolutions();
    CHECK(all.size() > 40);
    for (auto p : all) {
        const auto epilogue = p.epilogue;
        for (const auto op :
             {operation::forward, operation::backward_input, operation::backward_weight})
            for (const auto element : {CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16, CUDNN_DATA_DOUBLE})
                for (const bool tensor_cores : {false, true}) {
                    if (element == CUDNN_DATA_BFLOAT16 && !tensor_cores)
                        continue; // bf16 is made for them
                    p.op = op;
                    p.element = element;
                    p.epilogue = op == operation::forward ? epilogue : conv2d_epilogue{};
                    INFO(p.name() << ", element type " << element
                                  << (tensor_cores ? "" : ", strict"));
                    const auto found =
                        find_plan(device, p.operations(), {tensor_cores, false}, p.name());
                    REQUIRE(found);
                    CHECK(found.workspace < std::int64_t(1) << 30);
                    const auto said = notes(found);
                    CHECK_FALSE(has(said, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
                    if (!tensor_cores)
                        CHECK_FALSE(has(said, CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
                }
    }
}

TEST_CASE("cudnn conv2d: GPUs from compute capability 8.0 on have plans for all of it", "[cudnn]") {
    const auto all = convolutions();
    struct gpu_kind {
        int version, multiprocessors;
        bool small;
    };
    // Like A100, RTX 3090, RTX 4090, B200, RTX 5090.
    for (const auto& [version, multiprocessors, small] : {gpu_kind{800, 108, false},
                                                          {860, 82, true},
                                                          {890, 128, true},
                                                          {1000, 148, false},
                                                          {1200, 170, true}}) {
        const auto device = device_of(device_json(version, multiprocessors, small));
        for (auto p : all)
            for (const auto element : {CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16}) {
                p.element = element;
                INFO(p.name() << ", element type " << element << ", " << version);
                CHECK(find_plan(device, p.operations(), {true, false}, p.name()));
            }
    }
    // Before, bf16 has none, and that is an answer.
    auto p = usual;
    const auto turing = device_of(device_json(750, 68, true));
    CHECK(find_plan(turing, p.operations(), {true, false}, p.name()));
    p.element = CUDNN_DATA_BFLOAT16;
    CHECK_FALSE(find_plan(turing, p.operations(), {true, false}, p.name()));
}

TEST_CASE("cudnn conv2d: tensor cores are used where they may be", "[cudnn]") {
    const auto device = device_of(h200);
    for (const auto element : {CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16}) {
        auto p = usual;
        p.element = element;
        CHECK(has(notes(find_plan(device, p.operations(), {true, false}, p.name())),
                  CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
    }
}

TEST_CASE("cudnn conv2d: plans differ by everything that they depend on", "[cudnn]") {
    const auto base = usual;
    const engine_limits limits;
    std::vector<conv2d_problem> others(10, base);
    others[0].op = operation::backward_input;
    others[1].element = CUDNN_DATA_BFLOAT16;
    others[2].x.extent[0] = 8;
    others[3].w.extent[3] = 32;
    others[4].y.extent[1] = 32;
    others[5].g.stride = 2;
    others[6].g.dilation = 2;
    others[7].epilogue.residual = true;
    others[8].epilogue.bias = true;
    others[9].epilogue.after = post::relu;
    std::set<plan_key> keys = {base.key(limits)};
    for (const auto& other : others)
        CHECK(keys.insert(other.key(limits)).second);
    CHECK(base.key({false, false}) != base.key(limits));
    CHECK(base.key({true, true}) != base.key(limits));
    CHECK(base.key({true, false}) == base.key(limits));
}

TEST_CASE("cudnn conv2d: what cuDNN refuses is one sentence with the shapes", "[cudnn]") {
    auto p = usual;
    p.w.extent[3] = 32;
    p.y.extent[1] = 60;
    const auto sentence = sentence_of([&] { static_cast<void>(p.operations()); });
    CHECK(sentence.find("cuDNN, conv2d_forward of input (16, 64, 64, 64) and weight (64, 3, 3, "
                        "32): CUDNN_STATUS_BAD_PARAM") == 0);
    CHECK(sentence_of([] {
              static_cast<void>(device_of("{}"));
          }).find("cuDNN, the properties of a GPU: ") == 0);
}

TEST_CASE("cudnn context: without a GPU it says so", "[cudnn]") {
    int count = 0;
    if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0)
        return;
    static_cast<void>(cudaGetLastError());
    CHECK(sentence_of([] { const cudnn::context here; }).find("cuda: no GPU can be used here: ") ==
          0);
}
