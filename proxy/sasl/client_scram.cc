// SCRAM-SHA-256 (RFC 7677) and CRAM-MD5 (RFC 2195), by libgsasl.
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "proxy/sasl/library.h"
#include "proxy/sasl/mechanisms.h"

namespace sallyport::sasl {
namespace {

// RFC 7677 asks for 4,096; servers of today have up to some 600,000. What a server may make us
// compute has an end: libgsasl takes 1 s or so for a million.
constexpr std::uint32_t kMostIterations = 1'000'000;
constexpr std::string_view kScram = "SCRAM-SHA-256";

/// The iteration count of a SCRAM server-first-message (RFC 5802 section 7); 0: there is none.
std::uint32_t iterations_in(std::string_view message) {
  const std::size_t at = message.rfind(",i=");
  if (at == std::string_view::npos) return 0;
  std::uint32_t count = 0;
  const std::string_view digits = message.substr(at + 3);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  const bool whole = end == digits.data() + digits.size() || *end == ',';
  return error == std::errc() && whole ? count : 0;
}

class LibraryClient final : public Client {
 public:
  explicit LibraryClient(bool scram) : scram_(scram) {}

  Result<void> start(std::string_view mechanism, const Login& login) {
    Gsasl* library = nullptr;
    Gsasl_session* session = nullptr;
    int code = gsasl_init(&library);
    library_.reset(library);
    if (code == GSASL_OK) {
      code = gsasl_client_start(library, std::string(mechanism).c_str(), &session);
      session_.reset(session);
    }
    if (code != GSASL_OK) return library_failed(ErrorCode::kInvalid, code);
    const std::string_view secret = login.secret.reveal();
    code = gsasl_property_set(session, GSASL_AUTHID, login.authcid.c_str());
    if (code == GSASL_OK) {
      code = gsasl_property_set_raw(session, GSASL_PASSWORD, secret.data(), secret.size());
    }
    return code == GSASL_OK ? Result<void>() : library_failed(ErrorCode::kInvalid, code);
  }

  bool speaks_first() const override { return scram_; }
  bool is_slow() const override { return scram_; }

  Result<Secret> respond(std::string_view challenge) override {
    if (done_)
      return fail(ErrorCode::kProtocol, "the upstream asks for more than the mechanism has");
    if (scram_ && ++steps_ == 2) {
      const std::uint32_t iterations = iterations_in(challenge);
      if (iterations == 0 || iterations > kMostIterations) {
        return fail(ErrorCode::kProtocol,
                    "the upstream's SCRAM challenge has no iteration count that we take (at most " +
                        std::to_string(kMostIterations) + ")");
      }
    }
    char* output = nullptr;
    std::size_t size = 0;
    const int code = gsasl_step(session_.get(), challenge.data(), challenge.size(), &output, &size);
    done_ = code == GSASL_OK;
    if (code != GSASL_OK && code != GSASL_NEEDS_MORE) {
      gsasl_free(output);
      return library_failed(ErrorCode::kProtocol, code);
    }
    Secret response(std::string_view(output, output == nullptr ? 0 : size));
    if (output != nullptr) wipe_memory(output, size);
    gsasl_free(output);
    return response;
  }

  /// RFC 5802 section 3: a server that does not prove to know the password is not the one.
  Result<void> finish() override {
    if (done_ || !scram_) return {};
    return fail(ErrorCode::kProtocol, "the upstream did not prove that it knows the password");
  }

 private:
  const bool scram_;
  int steps_ = 0;
  bool done_ = false;
  Library library_;
  LibrarySession session_;
};

}  // namespace

Result<std::unique_ptr<Client>> by_library(std::string_view mechanism, const Login& login) {
  auto client = std::make_unique<LibraryClient>(mechanism == kScram);
  const auto started = client->start(mechanism, login);
  if (!started) return fail(started.error());
  return client;
}

}  // namespace sallyport::sasl
