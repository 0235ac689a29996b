#include "proxy/relay/credential.h"

#include <string>
#include <utility>

#include "proxy/config/load.h"
#include "proxy/config/ses_password.h"

namespace sallyport::relay {
namespace {

using runtime::Task;

/// A password; if it came from a file, that is read again when the password is refused. The
/// configuration follows the file, too, but some seconds later.
class Password final : public Credential {
 public:
  Password(runtime::Loop& loop, const config::Upstream& upstream)
      : loop_(loop),
        file_(upstream.password_file),
        secret_key_region_(upstream.secret_key_region),
        password_(upstream.password) {}

  Task<Result<Secret>> current(TimePoint /*deadline*/) override { co_return password_; }

  Task<std::optional<Secret>> after_refusal(Secret refused, TimePoint /*deadline*/) override {
    // Another connection may have found the new one.
    if (password_.reveal() != refused.reveal()) co_return password_;
    if (file_.empty()) co_return std::nullopt;
    auto content =
        co_await loop_.offload([file = file_] { return config::Outside::real().read_file(file); });
    if (!content) co_return std::nullopt;
    Secret found = password_in(*content);
    if (found.empty() || found.reveal() == refused.reveal()) co_return std::nullopt;
    password_ = found;
    co_return found;
  }

 private:
  /// The config reads such files by the same rule: one line, whose end is not part of it.
  Secret password_in(std::string& content) const {
    if (content.ends_with('\n')) content.pop_back();
    if (content.ends_with('\r')) content.pop_back();
    const bool is_one_line = content.find_first_of(std::string_view("\r\n\0", 3)) == content.npos;
    Secret found = Secret::consume(content);
    if (!is_one_line || found.empty()) return {};
    if (secret_key_region_.empty()) return found;
    return config::ses_smtp_password(found.reveal(), secret_key_region_);
  }

  runtime::Loop& loop_;
  const std::string file_;
  const std::string secret_key_region_;
  Secret password_;
};

/// Access tokens, from a source that all workers share.
class Token final : public Credential {
 public:
  Token(runtime::Loop& loop, std::shared_ptr<oauth::TokenSource> source)
      : loop_(loop), source_(std::move(source)) {}

  Task<Result<Secret>> current(TimePoint deadline) override {
    return source_->current(loop_, deadline);
  }

  void cut_off() override { source_->cut_off(loop_); }

  Task<std::optional<Secret>> after_refusal(Secret refused, TimePoint deadline) override {
    auto other = co_await source_->after_refusal(loop_, std::move(refused), deadline);
    if (!other) co_return std::nullopt;
    co_return std::move(*other);
  }

 private:
  runtime::Loop& loop_;
  const std::shared_ptr<oauth::TokenSource> source_;
};

class NoTokens final : public Credential {
 public:
  Task<Result<Secret>> current(TimePoint /*deadline*/) override {
    co_return fail(ErrorCode::kInvalid, "nothing here fetches access tokens");
  }
  Task<std::optional<Secret>> after_refusal(Secret /*refused*/, TimePoint /*deadline*/) override {
    co_return std::nullopt;
  }
};

}  // namespace

std::unique_ptr<Credential> make_credential(runtime::Loop& loop, const config::Upstream& upstream,
                                            oauth::Tokens* tokens) {
  if (!upstream.oauth) return std::make_unique<Password>(loop, upstream);
  if (tokens == nullptr) return std::make_unique<NoTokens>();
  auto source = tokens->of(*upstream.oauth, upstream.name);
  source->prefetch();  // so that the first message need not wait for it
  return std::make_unique<Token>(loop, std::move(source));
}

}  // namespace sallyport::relay
