#include "proxy/sasl/scram_server.h"

#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/sasl/library.h"

namespace sallyport::sasl {
namespace {

constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kKeySize = 32;  // of SHA-256

/// What libgsasl has allocated, wiped and freed.
class Owned {
 public:
  Owned() = default;
  ~Owned() {
    if (text != nullptr) wipe_memory(text, size);
    gsasl_free(text);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  std::string str() const { return text == nullptr ? std::string() : std::string(text, size); }

  char* text = nullptr;
  std::size_t size = 0;
};

class LibraryServer final : public ScramServer {
 public:
  LibraryServer(FindKeys find_keys, std::string_view tls_exporter)
      : find_keys_(std::move(find_keys)),
        binding_(tls_exporter.empty() ? "" : base64::encode(tls_exporter)) {}

  Result<void> start(std::string_view mechanism) {
    Gsasl* library = nullptr;
    Gsasl_session* session = nullptr;
    int code = gsasl_init(&library);
    library_.reset(library);
    if (code == GSASL_OK) {
      gsasl_callback_set(library, [](Gsasl*, Gsasl_session* asking, Gsasl_property property) {
        return static_cast<LibraryServer*>(gsasl_session_hook_get(asking))->provide(property);
      });
      code = gsasl_server_start(library, std::string(mechanism).c_str(), &session);
      session_.reset(session);
    }
    if (code != GSASL_OK) return library_failed(ErrorCode::kInvalid, code);
    gsasl_session_hook_set(session, this);
    return {};
  }

  Result<std::string> respond(std::string_view message) override {
    if (done_) return fail(ErrorCode::kProtocol, "the exchange has ended");
    Owned output;
    const int code =
        gsasl_step(session_.get(), message.data(), message.size(), &output.text, &output.size);
    done_ = code == GSASL_OK;
    if (code == GSASL_OK || code == GSASL_NEEDS_MORE) return output.str();
    // The library tells a wrong proof, and a binding to another channel, from what it can't read.
    return library_failed(
        code == GSASL_AUTHENTICATION_ERROR ? ErrorCode::kInvalid : ErrorCode::kProtocol, code);
  }

  bool is_done() const override { return done_; }
  std::string authcid() const override { return property(GSASL_AUTHID); }
  std::string authzid() const override { return property(GSASL_AUTHZID); }

 private:
  std::string property(Gsasl_property name) const {
    const char* text = gsasl_property_fast(session_.get(), name);
    return text == nullptr ? "" : text;
  }

  /// The library's callback: it asks for what it lacks.
  int provide(Gsasl_property asked) {
    if (asked == GSASL_CB_TLS_EXPORTER) {
      if (binding_.empty()) return GSASL_NO_CB_TLS_EXPORTER;
      return gsasl_property_set(session_.get(), asked, binding_.c_str());
    }
    if (asked != GSASL_SCRAM_ITER && asked != GSASL_SCRAM_SALT && asked != GSASL_SCRAM_STOREDKEY &&
        asked != GSASL_SCRAM_SERVERKEY) {
      return GSASL_NO_CALLBACK;
    }
    const ScramKeys keys = find_keys_(authcid());
    int code = GSASL_OK;
    for (const auto& [name, text] :
         {std::pair{GSASL_SCRAM_ITER, std::to_string(keys.iterations)},
          std::pair{GSASL_SCRAM_SALT, keys.salt}, std::pair{GSASL_SCRAM_STOREDKEY, keys.stored_key},
          std::pair{GSASL_SCRAM_SERVERKEY, keys.server_key}}) {
      if (code == GSASL_OK) code = gsasl_property_set(session_.get(), name, text.c_str());
    }
    return code;
  }

  const FindKeys find_keys_;
  const std::string binding_;  // in base64; empty: none
  bool done_ = false;
  Library library_;
  LibrarySession session_;
};

}  // namespace

Result<Secret> prepare_password(std::string_view password) {
  Owned prepared;
  const int code = gsasl_saslprep(std::string(password).c_str(), {}, &prepared.text, nullptr);
  if (code != GSASL_OK) return library_failed(ErrorCode::kInvalid, code);
  prepared.size = std::string_view(prepared.text).size();
  return Secret(std::string_view(prepared.text, prepared.size));
}

Result<ScramKeys> make_scram_keys(const Secret& password, std::uint32_t iterations) {
  const auto prepared = prepare_password(password.reveal());
  if (!prepared) return fail(prepared.error());
  std::array<std::uint8_t, kSaltSize> octets{};
  crypto::random_bytes(octets);
  const std::string salt(octets.begin(), octets.end());
  std::array<char, kKeySize> salted{};
  std::array<char, kKeySize> client_key{};
  std::array<char, kKeySize> server_key{};
  std::array<char, kKeySize> stored_key{};
  const std::string text(prepared->reveal());
  const int code = gsasl_scram_secrets_from_password(
      GSASL_HASH_SHA256, text.c_str(), iterations, salt.data(), salt.size(), salted.data(),
      client_key.data(), server_key.data(), stored_key.data());
  wipe_memory(salted.data(), salted.size());
  wipe_memory(client_key.data(), client_key.size());
  if (code != GSASL_OK) return library_failed(ErrorCode::kInvalid, code);
  return ScramKeys{.iterations = iterations,
                   .salt = base64::encode(salt),
                   .stored_key = base64::encode({stored_key.data(), stored_key.size()}),
                   .server_key = base64::encode({server_key.data(), server_key.size()})};
}

Result<std::unique_ptr<ScramServer>> ScramServer::make(std::string_view mechanism,
                                                       FindKeys find_keys,
                                                       std::string_view tls_exporter) {
  auto server = std::make_unique<LibraryServer>(std::move(find_keys), tls_exporter);
  const auto started = server->start(mechanism);
  if (!started) return fail(started.error());
  return server;
}

}  // namespace sallyport::sasl
