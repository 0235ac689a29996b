// What would make two runs of a fuzz target differ, made the same: random numbers, the clock of
// deadlines, and threads. CMakeLists.txt has the linker put each `__wrap_NAME` in the place of
// NAME.
//
// With the same inputs and arguments a target then does the same twice, if these have a -seed and
// say -reload=0 (else libFuzzer reads its corpus again when a second has passed) and
// -detect_leaks=0 (else a thread of libFuzzer's own may make it run an input again, in search of a
// leak), under `setarch -R` (addresses are numbers that are compared, too). The wall clock stays:
// libFuzzer goes by it.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>

struct uv_loop_s;
struct uv_work_s;

namespace sallyport::fuzz {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kNow(1767323045);  // 2026-01-02

/// The next of one sequence of numbers: splitmix64.
std::uint64_t next() {
  static std::atomic<std::uint64_t> state;
  std::uint64_t x = state += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

}  // namespace

/// In place of std::chrono::steady_clock::now.
steady_clock::time_point steady_now() noexcept asm("__wrap__ZNSt6chrono3_V212steady_clock3nowEv");
steady_clock::time_point steady_now() noexcept { return steady_clock::time_point(kNow); }

/// In place of the number that std::random_device gives.
unsigned device_number(std::random_device*) asm("__wrap__ZNSt13random_device9_M_getvalEv");
unsigned device_number(std::random_device*) { return static_cast<unsigned>(next() >> 32); }

/// In place of libuv's uv_queue_work: no other thread does it, and it is done at once.
int do_work(uv_loop_s*, uv_work_s* request, void (*work)(uv_work_s*),
            void (*then)(uv_work_s*, int)) asm("__wrap_uv_queue_work");
int do_work(uv_loop_s*, uv_work_s* request, void (*work)(uv_work_s*),
            void (*then)(uv_work_s*, int)) {
  work(request);
  then(request, 0);
  return 0;
}

/// In place of BoringSSL's RAND_bytes.
int random_bytes(std::uint8_t* out, std::size_t size) asm("__wrap_RAND_bytes");
int random_bytes(std::uint8_t* out, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(next() >> 56);
  return 1;
}

}  // namespace sallyport::fuzz
