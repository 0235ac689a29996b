#include "proxy/runtime/signals.h"

#include <uv.h>

namespace sallyport::runtime {

struct Signals::Handle {
  uv_signal_t uv{};
};

Signals::Signals(Loop& loop, std::initializer_list<int> signals, std::function<void(int)> received)
    : received_(std::move(received)) {
  for (const int signal : signals) {
    auto* const handle = handles_.emplace_back(new Handle);
    handle->uv.data = this;
    uv_signal_init(loop.uv(), &handle->uv);
    uv_signal_start(
        &handle->uv,
        [](uv_signal_t* uv, int number) {
          if (uv->data) static_cast<Signals*>(uv->data)->received_(number);
        },
        signal);
  }
}

Signals::~Signals() {
  for (Handle* const handle : handles_) {
    handle->uv.data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle->uv),
             [](uv_handle_t* uv) { delete reinterpret_cast<Handle*>(uv); });
  }
}

}  // namespace sallyport::runtime
