#include "proxy/server/gate_dialer.h"

#include <utility>

#include "proxy/runtime/connect_race.h"

namespace sallyport::server {

using runtime::Task;
using Stream = Result<std::unique_ptr<runtime::ByteStream>>;

Task<Stream> GateDialer::connect(TimePoint deadline) {
  relay::Tried tried;
  co_return co_await connect_next(tried, deadline);
}

Task<Stream> GateDialer::connect_next(relay::Tried& tried, TimePoint deadline) {
  runtime::ConnectRace race(loop_);
  auto stream = co_await race.run(addresses_, deadline);
  if (!stream) co_return fail(std::move(stream.error()));
  tried.addresses.push_back((*stream)->peer());
  co_return std::move(*stream);
}

Task<Stream> GateDialer::secure(std::unique_ptr<runtime::ByteStream> stream, TimePoint deadline) {
  if (!tls_) co_return fail(ErrorCode::kTls, "TLS is not used here");
  auto secured = co_await net::connect_tls(loop_, std::move(stream), *tls_, name_, deadline);
  if (!secured) co_return fail(std::move(secured.error()));
  co_return std::move(*secured);
}

}  // namespace sallyport::server
