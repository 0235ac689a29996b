#include "proxy/doctor/doctor.h"

#include <chrono>
#include <utility>

#include "proxy/doctor/examine_domain.h"
#include "proxy/doctor/examine_upstream.h"
#include "proxy/doctor/sender_domains.h"
#include "proxy/doctor/texts.h"

namespace sallyport::doctor {
namespace {

using runtime::Task;

constexpr Duration kLookUp = std::chrono::seconds(15);

/// Asks name servers.
class NameServerTexts final : public Texts {
 public:
  NameServerTexts(runtime::Loop& loop, runtime::ResolverSettings resolver)
      : loop_(loop), resolver_(std::move(resolver)) {}

  Task<Result<std::vector<std::string>>> find(std::string name) override {
    return runtime::resolve_texts(loop_, std::move(name), resolver_, loop_.after(kLookUp));
  }

 private:
  runtime::Loop& loop_;
  const runtime::ResolverSettings resolver_;
};

}  // namespace

Task<Report> examine(runtime::Loop& loop, const config::Config& config,
                     const std::vector<relay::TlsFiles>& files, Question question) {
  Report report;
  const UpstreamExamination examination{.loop = loop,
                                        .hostname = config.hostname,
                                        .resolver = question.resolver,
                                        .now = question.now};
  const auto is_asked_for = [&](const config::Upstream& upstream) {
    return question.upstream.empty() || upstream.name == question.upstream;
  };
  for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
    if (!is_asked_for(config.upstreams[i])) continue;
    co_await examine_upstream(examination, config.upstreams[i], files[i], report);
  }
  NameServerTexts texts(loop, question.resolver);
  const std::vector<SenderDomain> domains = sender_domains(config, question.domains);
  for (const SenderDomain& domain : domains) {
    std::vector<const config::Upstream*> carriers;
    for (const std::size_t index : domain.upstreams) {
      if (is_asked_for(config.upstreams[index])) carriers.push_back(&config.upstreams[index]);
    }
    if (carriers.empty()) continue;
    co_await examine_domain(texts, domain.name, std::move(carriers), report);
  }
  if (domains.empty()) {
    Subject(report, "sender domains")
        .note("domains", "neither users nor routes name the domains that mail is sent from",
              "name them with --domain");
  }
  co_return report;
}

}  // namespace sallyport::doctor
