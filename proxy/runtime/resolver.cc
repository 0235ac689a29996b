#include "proxy/runtime/resolver.h"

#include <uv.h>

#include <memory>

#include "proxy/runtime/event.h"

namespace sallyport::runtime {
namespace {

/// Shared by the coroutine that asked and libuv's request, whichever ends last.
struct LookUp {
  explicit LookUp(Loop& loop) : answered(loop) {}

  Event answered;
  int status = 0;
  std::vector<SocketAddress> addresses;
};

struct Request {
  uv_getaddrinfo_t uv{};
  std::shared_ptr<LookUp> look_up;
};

void on_answer(uv_getaddrinfo_t* uv, int status, addrinfo* list) {
  const std::unique_ptr<Request> request(static_cast<Request*>(uv->data));
  LookUp& look_up = *request->look_up;
  look_up.status = status;
  for (const addrinfo* entry = list; entry; entry = entry->ai_next) {
    look_up.addresses.push_back(
        SocketAddress::from(entry->ai_addr, static_cast<socklen_t>(entry->ai_addrlen)));
  }
  uv_freeaddrinfo(list);
  look_up.answered.set();
}

}  // namespace

Task<Result<std::vector<SocketAddress>>> resolve(Loop& loop, std::string host, std::uint16_t port,
                                                 TimePoint deadline) {
  if (const auto literal = SocketAddress::parse(host, port)) co_return std::vector{*literal};

  auto request = std::make_unique<Request>();
  const auto look_up = std::make_shared<LookUp>(loop);
  request->look_up = look_up;
  request->uv.data = request.get();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  const std::string service = std::to_string(port);
  const int started =
      uv_getaddrinfo(loop.uv(), &request->uv, on_answer, host.c_str(), service.c_str(), &hints);
  if (started != 0) {
    co_return fail(ErrorCode::kNetwork, "look up " + host + ": " + uv_strerror(started));
  }
  (void)request.release();  // on_answer owns it now

  const auto answered = co_await look_up->answered.wait(deadline);
  if (!answered) co_return fail(ErrorCode::kTimeout, "look up " + host + ": no answer in time");
  if (look_up->status != 0) {
    co_return fail(ErrorCode::kNetwork, "look up " + host + ": " + uv_strerror(look_up->status));
  }
  if (look_up->addresses.empty()) co_return fail(ErrorCode::kNetwork, host + " has no address");
  co_return std::move(look_up->addresses);
}

}  // namespace sallyport::runtime
