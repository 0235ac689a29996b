// What an idle TLS connection keeps on the heap, counted by the sanitizer's allocator.
#include <sanitizer/allocator_interface.h>

#include "tests/unit/net/tls_fixture.h"

namespace sallyport::net {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SALLYPORT_COUNTS_HEAP
#endif
#endif

#ifdef SALLYPORT_COUNTS_HEAP

Task<void> read_until_aborted(TlsStream& stream) { (void)co_await stream.read(kNever); }

class IdleMemory : public TlsTest, public testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(Versions, IdleMemory, testing::Values(false, true),
                         [](const auto& version) { return version.param ? "Tls12" : "Tls13"; });

TEST_P(IdleMemory, AServersStreamTakesLessThanFourKibibytes) {
  constexpr std::size_t kCount = 50;
  const auto server_context = server();
  const auto client_context = client();
  if (GetParam()) limit_to_tls12(*client_context);
  std::vector<Ends> all;
  for (std::size_t i = 0; i < kCount; ++i) {
    all.push_back(shake(server_context, *client_context));
    loop_.run(expect_a_conversation(loop_, all.back()));
  }
  const auto main = [](Loop& l, std::vector<Ends>& ends) -> Task<std::size_t> {
    TaskGroup group(l);
    for (auto& e : ends) group.spawn(read_until_aborted(**e.server));
    Event pause(l);
    (void)co_await pause.wait(l.after(1s));
    const std::size_t waiting = __sanitizer_get_current_allocated_bytes();
    for (auto& e : ends) (*e.server)->abort();
    (void)co_await group.join();
    for (auto& e : ends) e.server->reset();
    co_return waiting - __sanitizer_get_current_allocated_bytes();
  };
  const std::size_t each = loop_.run(main(loop_, all)) / kCount;
  RecordProperty("octets", static_cast<int>(each));
  std::printf("an idle stream with its reader's frames: %zu octets\n", each);
  // SSL 176, its state 600, two AES-GCM keys of 640, the session 464, BIO 72, our stream 250; the
  // rest is coroutine frames, larger in this build than in a release.
  EXPECT_LT(each, 6u << 10);
}

#endif

}  // namespace
}  // namespace sallyport::net
