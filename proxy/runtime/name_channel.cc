#include "proxy/runtime/name_channel.h"

#include <uv.h>

#include <cassert>
#include <chrono>
#include <string>
#include <utility>

namespace sallyport::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Goes through every network in one piece; larger answers come over TCP.
constexpr int kMostInDatagram = 1232;

/// A table of the process, set up once; never torn down.
bool library_is_ready() {
  static const bool ready = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return ready;
}

}  // namespace

struct NameChannel::Watch {
  uv_poll_t uv{};
  NameChannel* owner = nullptr;
  ares_socket_t descriptor = ARES_SOCKET_BAD;
};

NameChannel::NameChannel(Loop& loop, ResolverSettings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      retry_(loop.timers(), [this] { work_on(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }) {}

int NameChannel::open(Options options) {
  if (!library_is_ready()) return ARES_ENOTINITIALIZED;
  ares_options wanted{};
  std::string lookups(options.lookups);
  wanted.lookups = lookups.data();
  wanted.timeout = static_cast<int>(std::chrono::ceil<milliseconds>(settings_.timeout).count());
  wanted.tries = settings_.attempts;
  wanted.sock_state_cb = on_socket_state;
  wanted.sock_state_cb_data = this;
  int given = ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  // An absolute name has no other ends; c-ares would take them all the same.
  if (options.absolute) given |= ARES_OPT_DOMAINS;
  if (options.large) {
    wanted.flags = ARES_FLAG_EDNS;
    wanted.ednspsz = kMostInDatagram;
    given |= ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ;
  }
  int status = ares_init_options(&channel_, &wanted, given);
  if (status == ARES_SUCCESS && !settings_.servers.empty()) {
    status = ares_set_servers_ports_csv(channel_, settings_.servers.c_str());
  }
  if (status != ARES_SUCCESS) close();
  return status;
}

void NameChannel::rest() {
  resting_ = true;
  retry_.disarm();
}

void NameChannel::close() {
  if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
  while (!watches_.empty()) unwatch(watches_.begin()->first);
  retry_.disarm();
}

void NameChannel::rearm() {
  timeval wait{};
  if (resting_ || channel_ == nullptr || ares_timeout(channel_, nullptr, &wait) == nullptr) {
    retry_.disarm();
  } else {
    retry_.arm(loop_.after(seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec)));
  }
}

void NameChannel::work_on(ares_socket_t readable, ares_socket_t writable) {
  if (resting_ || channel_ == nullptr) return;
  ares_process_fd(channel_, readable, writable);
  rearm();
}

void NameChannel::on_socket_state(void* context, ares_socket_t descriptor, int readable,
                                  int writable) {
  static_cast<NameChannel*>(context)->watch(
      descriptor, (readable != 0 ? UV_READABLE : 0) | (writable != 0 ? UV_WRITABLE : 0));
}

void NameChannel::watch(ares_socket_t descriptor, int interest) {
  if (interest == 0) {
    unwatch(descriptor);
    return;
  }
  Watch*& watch = watches_[descriptor];
  if (watch == nullptr) {
    watch = new Watch{.owner = this, .descriptor = descriptor};
    watch->uv.data = watch;
    const int initialised = uv_poll_init(loop_.uv(), &watch->uv, descriptor);
    assert(initialised == 0);
    (void)initialised;
  }
  uv_poll_start(&watch->uv, interest, [](uv_poll_t* uv, int status, int events) {
    const Watch& ready = *static_cast<Watch*>(uv->data);
    if (ready.owner == nullptr) return;
    const bool failed = status < 0;
    ready.owner->work_on(
        failed || (events & UV_READABLE) != 0 ? ready.descriptor : ARES_SOCKET_BAD,
        failed || (events & UV_WRITABLE) != 0 ? ready.descriptor : ARES_SOCKET_BAD);
  });
}

/// c-ares closes the descriptor next; libuv takes it out of its set at once.
void NameChannel::unwatch(ares_socket_t descriptor) {
  const auto found = watches_.find(descriptor);
  if (found == watches_.end()) return;
  Watch* const watch = found->second;
  watches_.erase(found);
  watch->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&watch->uv),
           [](uv_handle_t* uv) { delete static_cast<Watch*>(uv->data); });
}

}  // namespace sallyport::runtime
