#include "proxy/doctor/watched_dialer.h"

namespace sallyport::doctor {

runtime::Task<Result<std::unique_ptr<runtime::ByteStream>>> WatchedDialer::secure(
    std::unique_ptr<runtime::ByteStream> stream, TimePoint deadline) {
  auto secured = co_await dialer_->secure(std::move(stream), deadline);
  if (secured) {
    if (auto* const tls = dynamic_cast<net::TlsStream*>(secured->get())) {
      chain_ = net::peer_chain(*tls);
    }
  }
  co_return secured;
}

}  // namespace sallyport::doctor
