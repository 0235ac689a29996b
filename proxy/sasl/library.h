// libgsasl's handles, and its errors as ours.
#pragma once

#include <gsasl.h>

#include <memory>
#include <string>

#include "proxy/base/result.h"

namespace sallyport::sasl {

struct LibraryEnd {
  void operator()(Gsasl* library) const { gsasl_done(library); }
};
struct SessionEnd {
  void operator()(Gsasl_session* session) const { gsasl_finish(session); }
};
using Library = std::unique_ptr<Gsasl, LibraryEnd>;
using LibrarySession = std::unique_ptr<Gsasl_session, SessionEnd>;  // dies before the library

inline std::unexpected<Error> library_failed(ErrorCode error, int code) {
  return fail(error, std::string("SASL: ") + gsasl_strerror(code));
}

}  // namespace sallyport::sasl
