// A library to preload (LD_PRELOAD), which makes one call of a kind fail. Settings are in the environment:
//   PFAD_FAULT        KIND:N, the Nth call of a kind; KIND:N+, that one and all that follow
//   PFAD_FAULT_BELOW  a folder: files count that are in it
//   PFAD_FAULT_LEAST  bytes: allocations count that ask for as many
//   PFAD_FAULT_COUNTS a file, to which "KIND COUNT" is written at the end, and "site N" for each allocation whose
//                     callers are others than those of every one before
// Kinds: open, read, write, fsync, rename, mkdir, of files; print, to standard output; allocate and malloc, memory by
// operator new and by C's functions. Memory counts that the program itself asks for, libstdc++ or the decoders of
// pictures: oneDNN 2.7 and libgomp end a program whose allocation fails in them.
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

enum kind { open_, read_, write_, fsync_, rename_, mkdir_, print_, allocate_, malloc_, kinds };
constexpr std::array<const char*, kinds> names{"open",  "read",  "write",    "fsync", "rename",
                                               "mkdir", "print", "allocate", "malloc"};

std::array<std::atomic<long>, kinds> counts;
std::array<std::atomic<bool>, 4096> watched; // descriptors
const char* below = nullptr;
const char* counts_file = nullptr;
int fault_kind = -1;
long fault_at = 0;
std::size_t least = 0;
bool for_ever = false;
std::atomic<bool> started;

// Sites of allocations: a table of hashes of stacks.
constexpr std::size_t sites_size = 1 << 20;
std::array<std::atomic<std::uint64_t>, sites_size> sites;
std::array<long, 1 << 16> new_sites;
std::atomic<std::size_t> new_sites_count;
thread_local bool inside = false;

bool is_new_site() {
    std::array<void*, 8> stack{}; // six callers
    const int depth = backtrace(stack.data(), static_cast<int>(stack.size()));
    std::uint64_t hash = 1469598103934665603U;
    for (int i = 2; i < depth; ++i)
        hash = (hash ^ reinterpret_cast<std::uint64_t>(stack[static_cast<std::size_t>(i)])) *
               1099511628211U;
    hash |= 1;
    for (std::size_t i = hash % sites_size;; i = (i + 1) % sites_size) {
        std::uint64_t found = 0;
        if (sites[i].compare_exchange_strong(found, hash))
            return true;
        if (found == hash)
            return false;
    }
}

// Where the code is whose allocations may fail.
struct range {
    std::uintptr_t first, last;
};
std::array<range, 64> callers;
std::size_t callers_count = 0;

int add_callers(dl_phdr_info* object, std::size_t, void*) {
    const char* const name = object->dlpi_name;
    if (name[0] != 0 && std::strstr(name, "libpng") == nullptr &&
        std::strstr(name, "libjpeg") == nullptr && std::strstr(name, "libz.") == nullptr &&
        std::strstr(name, "libstdc++") == nullptr)
        return 0;
    for (int i = 0; i < object->dlpi_phnum; ++i)
        if (const auto& part = object->dlpi_phdr[i];
            part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0 && callers_count < callers.size())
            callers[callers_count++] = {object->dlpi_addr + part.p_vaddr,
                                        object->dlpi_addr + part.p_vaddr + part.p_memsz};
    return 0;
}

bool is_caller(const void* code) {
    const auto at = reinterpret_cast<std::uintptr_t>(code);
    for (std::size_t i = 0; i < callers_count; ++i)
        if (at >= callers[i].first && at < callers[i].last)
            return true;
    return false;
}

// Whether this call of a kind is to fail.
bool fails(kind one) {
    if (!started || inside)
        return false;
    inside = true;
    const long count = ++counts[one];
    if (counts_file != nullptr && (one == allocate_ || one == malloc_) && is_new_site()) {
        const std::size_t place = new_sites_count++;
        if (place < new_sites.size())
            new_sites[place] = one == allocate_ ? count : -count;
    }
    inside = false;
    return fault_kind == one && (count == fault_at || (for_ever && count > fault_at));
}

bool is_below(const char* path) {
    return below != nullptr && std::strstr(path, "/../") == nullptr &&
           (path[0] != '/' || std::strncmp(path, below, std::strlen(below)) == 0);
}

void watch(int file, bool wanted) {
    if (file >= 0 && file < static_cast<int>(watched.size()))
        watched[static_cast<std::size_t>(file)] = wanted;
}

bool is_watched(int file) {
    return file >= 0 && file < static_cast<int>(watched.size()) &&
           watched[static_cast<std::size_t>(file)];
}

template <class F>
F* next(const char* name) {
    const bool before = inside;
    inside = true;
    auto* const found = reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
    inside = before;
    return found;
}

__attribute__((constructor)) void start() {
    below = std::getenv("PFAD_FAULT_BELOW");
    counts_file = std::getenv("PFAD_FAULT_COUNTS");
    if (const char* const bytes = std::getenv("PFAD_FAULT_LEAST"))
        least = std::strtoull(bytes, nullptr, 10);
    if (const char* const fault = std::getenv("PFAD_FAULT"))
        for (int i = 0; i < kinds; ++i) {
            const std::size_t length = std::strlen(names[static_cast<std::size_t>(i)]);
            if (std::strncmp(fault, names[static_cast<std::size_t>(i)], length) == 0 &&
                fault[length] == ':') {
                char* end = nullptr;
                fault_kind = i;
                fault_at = std::strtol(fault + length + 1, &end, 10);
                for_ever = *end == '+';
            }
        }
    void* stack = nullptr;
    backtrace(&stack, 1); // loads what it needs
    dl_iterate_phdr(add_callers, nullptr);
}

int (*program_main)(int, char**, char**) = nullptr;

// What happens before main and after it is not a program's own.
int counted_main(int argc, char** argv, char** environment) {
    started = true;
    const int status = program_main(argc, argv, environment);
    started = false;
    return status;
}

__attribute__((destructor)) void end() {
    if (counts_file == nullptr)
        return;
    std::FILE* const file = std::fopen(counts_file, "w");
    for (std::size_t i = 0; i < kinds; ++i)
        std::fprintf(file, "%s %ld\n", names[i], counts[i].load());
    for (std::size_t i = 0; i < new_sites_count && i < new_sites.size(); ++i)
        std::fprintf(file, "site %s:%ld\n", new_sites[i] > 0 ? "allocate" : "malloc",
                     std::abs(new_sites[i]));
    std::fclose(file);
}

template <class Open>
int open_one(const char* path, Open&& open) {
    const bool wanted = is_below(path);
    if (wanted && fails(open_)) {
        errno = EMFILE;
        return -1;
    }
    const int file = open();
    watch(file, wanted);
    return file;
}

std::FILE* fopen_one(const char* name, const char* path, const char* mode) {
    const bool wanted = is_below(path);
    if (wanted && fails(open_)) {
        errno = EMFILE;
        return nullptr;
    }
    std::FILE* const file = next<std::FILE*(const char*, const char*)>(name)(path, mode);
    if (file != nullptr)
        watch(fileno(file), wanted);
    return file;
}

int mode_of(int flags, std::va_list& rest) {
    return (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
}

bool write_fails(int file) {
    if ((is_watched(file) && fails(write_)) || (file == STDOUT_FILENO && fails(print_))) {
        errno = ENOSPC;
        return true;
    }
    return false;
}

bool allocation_fails(kind one, const void* caller, std::size_t size) {
    return size >= least && is_caller(caller) && fails(one);
}

void* new_one(const void* caller, std::size_t size, std::size_t alignment = 0) {
    if (allocation_fails(allocate_, caller, size))
        return nullptr;
    return alignment == 0 ? __libc_malloc(size) : __libc_memalign(alignment, size);
}

void* new_or_throw(const void* caller, std::size_t size, std::size_t alignment = 0) {
    void* const result = new_one(caller, size, alignment);
    if (result == nullptr)
        throw std::bad_alloc();
    return result;
}

} // namespace

extern "C" {

int __libc_start_main(int (*main)(int, char**, char**),
                      int argc,
                      char** argv,
                      void (*init)(),
                      void (*fini)(),
                      void (*loader_fini)(),
                      void* stack_end) {
    program_main = main;
    return next<int(int (*)(int, char**, char**), int, char**, void (*)(), void (*)(), void (*)(),
                    void*)>("__libc_start_main")(counted_main, argc, argv, init, fini, loader_fini,
                                                 stack_end);
}

int open(const char* path, int flags, ...) {
    std::va_list rest;
    va_start(rest, flags);
    const int mode = mode_of(flags, rest);
    va_end(rest);
    return open_one(path,
                    [&] { return next<int(const char*, int, ...)>("open")(path, flags, mode); });
}

int open64(const char* path, int flags, ...) {
    std::va_list rest;
    va_start(rest, flags);
    const int mode = mode_of(flags, rest);
    va_end(rest);
    return open_one(path,
                    [&] { return next<int(const char*, int, ...)>("open64")(path, flags, mode); });
}

int openat(int folder, const char* path, int flags, ...) {
    std::va_list rest;
    va_start(rest, flags);
    const int mode = mode_of(flags, rest);
    va_end(rest);
    return open_one(path, [&] {
        return next<int(int, const char*, int, ...)>("openat")(folder, path, flags, mode);
    });
}

std::FILE* fopen(const char* path, const char* mode) {
    return fopen_one("fopen", path, mode);
}
std::FILE* fopen64(const char* path, const char* mode) {
    return fopen_one("fopen64", path, mode);
}

int close(int file) {
    watch(file, false);
    return next<int(int)>("close")(file);
}

int fclose(std::FILE* file) {
    watch(fileno(file), false);
    return next<int(std::FILE*)>("fclose")(file);
}

ssize_t read(int file, void* to, std::size_t size) {
    if (is_watched(file) && fails(read_)) {
        errno = EIO;
        return -1;
    }
    return next<ssize_t(int, void*, std::size_t)>("read")(file, to, size);
}

ssize_t write(int file, const void* from, std::size_t size) {
    if (write_fails(file))
        return -1;
    return next<ssize_t(int, const void*, std::size_t)>("write")(file, from, size);
}

ssize_t writev(int file, const iovec* from, int count) {
    if (write_fails(file))
        return -1;
    return next<ssize_t(int, const iovec*, int)>("writev")(file, from, count);
}

int fflush(std::FILE* file) {
    if (file != nullptr && write_fails(fileno(file)))
        return EOF;
    return next<int(std::FILE*)>("fflush")(file);
}

int fsync(int file) {
    if (is_watched(file) && fails(fsync_)) {
        errno = EIO;
        return -1;
    }
    return next<int(int)>("fsync")(file);
}

int rename(const char* from, const char* to) {
    if (is_below(to) && fails(rename_)) {
        errno = EACCES;
        return -1;
    }
    return next<int(const char*, const char*)>("rename")(from, to);
}

int mkdir(const char* path, mode_t mode) {
    if (is_below(path) && fails(mkdir_)) {
        errno = EACCES;
        return -1;
    }
    return next<int(const char*, mode_t)>("mkdir")(path, mode);
}

void* malloc(std::size_t size) {
    return allocation_fails(malloc_, __builtin_return_address(0), size) ? nullptr
                                                                        : __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
    return allocation_fails(malloc_, __builtin_return_address(0), count * size)
               ? nullptr
               : __libc_calloc(count, size);
}

} // extern "C"

void* operator new(std::size_t size) {
    return new_or_throw(__builtin_return_address(0), size);
}
void* operator new[](std::size_t size) {
    return new_or_throw(__builtin_return_address(0), size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return new_or_throw(__builtin_return_address(0), size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return new_or_throw(__builtin_return_address(0), size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return new_one(__builtin_return_address(0), size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return new_one(__builtin_return_address(0), size);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return new_one(__builtin_return_address(0), size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return new_one(__builtin_return_address(0), size, static_cast<std::size_t>(alignment));
}
void operator delete(void* at) noexcept {
    std::free(at);
}
void operator delete[](void* at) noexcept {
    std::free(at);
}
void operator delete(void* at, std::size_t) noexcept {
    std::free(at);
}
void operator delete[](void* at, std::size_t) noexcept {
    std::free(at);
}
void operator delete(void* at, std::align_val_t) noexcept {
    std::free(at);
}
void operator delete[](void* at, std::align_val_t) noexcept {
    std::free(at);
}
void operator delete(void* at, std::size_t, std::align_val_t) noexcept {
    std::free(at);
}
void operator delete[](void* at, std::size_t, std::align_val_t) noexcept {
    std::free(at);
}
