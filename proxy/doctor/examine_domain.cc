#include "proxy/doctor/examine_domain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/doctor/dkim.h"
#include "proxy/doctor/dmarc.h"
#include "proxy/doctor/spf.h"
#include "proxy/doctor/tags.h"

namespace sallyport::doctor {
namespace {

using config::Upstream;
using runtime::Task;

constexpr std::size_t kLeastRsaBits = 1024;  // RFC 8301 section 3.2
constexpr std::size_t kGoodRsaBits = 2048;

/// What an upstream's mail shows of a domain.
struct Proof {
  bool spf = false;      ///< The envelope's domain is this one, and its SPF names the upstream.
  bool dkim = false;     ///< A key of the upstream is there.
  bool unknown = false;  ///< Not all that it may show can be known from outside.
};

class DomainExamination {
 public:
  DomainExamination(Texts& texts, std::string domain, std::vector<const Upstream*> upstreams,
                    Report& report)
      : texts_(texts),
        domain_(std::move(domain)),
        upstreams_(std::move(upstreams)),
        proofs_(upstreams_.size()),
        subject_(report, "domain " + domain_) {}

  Task<void> run() {
    co_await spf();
    dmarc_ = co_await survey_dmarc(texts_, domain_);
    for (std::size_t i = 0; i < upstreams_.size(); ++i) co_await dkim(i);
    dmarc();
    co_await shown("MTA-STS", "_mta-sts." + domain_, "STSv1");
    co_await shown("TLS-RPT", "_smtp._tls." + domain_, "TLSRPTv1");
  }

 private:
  const config::SenderDns& facts(std::size_t i) const { return upstreams_[i]->provider->sender; }

  Task<void> spf() {
    const SpfSurvey survey = co_await survey_spf(texts_, domain_);
    for (const std::string& trouble : survey.troubles) {
      subject_.warning("SPF", trouble, "check the name servers, and run this again");
    }
    for (const std::string& fault : survey.faults) {
      subject_.fault("SPF", fault + ": receivers take the record for broken", advice_for(survey));
    }
    if (survey.exists) {
      subject_.ok("SPF", fmt::format("{} ({} DNS lookups of 10)", survey.record, survey.lookups));
      if (survey.has_all && survey.all == '+') {
        subject_.fault("SPF", "\"+all\" lets everybody send as this domain",
                       "end the record with \"-all\" or \"~all\"");
      } else if (!survey.has_all || survey.all == '?') {
        subject_.note("SPF", "the record says nothing of senders that it does not name",
                      "end it with \"~all\" or \"-all\"");
      }
    }
    for (std::size_t i = 0; i < upstreams_.size(); ++i) co_await spf_of(i, survey);
  }

  static std::string advice_for(const SpfSurvey& survey) {
    return survey.lookups > SpfSurvey::kMostLookups
               ? "take out what is not used, or name networks by ip4: and ip6: in place of a, mx "
                 "and include"
               : "mend the record";
  }

  Task<void> spf_of(std::size_t i, const SpfSurvey& survey) {
    const Upstream& upstream = *upstreams_[i];
    const config::SenderDns& known = facts(i);
    if (upstream.provider->capture) co_return;
    if (known.spf.empty()) {
      if (!known.replaces_reverse_path) {
        subject_.note(
            "SPF", fmt::format("what names {} in an SPF record is not known here", upstream.name),
            "see that the record names the addresses that it sends from");
        proofs_[i].unknown = true;
      }
      co_return;
    }
    const bool named = std::ranges::any_of(
        known.spf, [&](const std::string& domain) { return survey.includes_domain(domain); });
    if (named) {
      proofs_[i].spf = survey.faults.empty() && !known.replaces_reverse_path;
      subject_.ok("SPF", fmt::format("it names {}", upstream.name));
      co_return;
    }
    const std::string include = "include:" + known.spf.front();
    if (known.replaces_reverse_path) {
      subject_.note("SPF",
                    fmt::format("it does not name {}, which puts a return path of its own into "
                                "mail: SPF is checked for that one, not for {}",
                                upstream.name, domain_),
                    fmt::format("add {} only if its documentation asks for it", include));
      co_return;
    }
    if (survey.exists && co_await is_covered(known.spf, survey)) {
      proofs_[i].spf = survey.faults.empty();
      subject_.note(
          "SPF", fmt::format("it has the networks of {} in place of {}", upstream.name, include),
          "when the provider adds networks, mail from them will fail: prefer the include");
      co_return;
    }
    if (!survey.unread.empty() || !survey.troubles.empty()) {
      subject_.warning("SPF",
                       fmt::format("whether it names {} cannot be seen from here", upstream.name),
                       fmt::format("look for {}", include));
      co_return;
    }
    subject_.fault("SPF",
                   survey.exists
                       ? fmt::format("it does not name {}: its mail fails SPF", upstream.name)
                       : fmt::format("there is no SPF record, and {} keeps the return path of mail",
                                     upstream.name),
                   survey.exists ? fmt::format("add {} to the record", include)
                                 : fmt::format("add a TXT record: v=spf1 {} ~all", include));
  }

  /// Does the record name every network of one of these domains?
  Task<bool> is_covered(const std::vector<std::string>& domains, const SpfSurvey& survey) {
    for (const std::string& domain : domains) {
      const SpfSurvey theirs = co_await survey_spf(texts_, domain);
      if (survey.covers(theirs)) co_return true;
    }
    co_return false;
  }

  Task<void> dkim(std::size_t i) {
    const Upstream& upstream = *upstreams_[i];
    const config::SenderDns& known = facts(i);
    if (upstream.provider->capture) co_return;
    if (known.dkim_selectors.empty()) {
      proofs_[i].unknown = true;
      subject_.note("DKIM",
                    fmt::format("the selectors of {} are not known: {}", upstream.name,
                                known.dkim_hint.empty() ? "they are yours" : known.dkim_hint),
                    "look at the DKIM-Signature field of a message that has arrived");
      co_return;
    }
    // Mail may be signed by a domain above this one, unless the policy is strict.
    std::vector<std::string> signers = domain_and_above(domain_);
    if (dmarc_.parsed && dmarc_.parsed->strict_dkim) signers.resize(1);
    bool any = false;
    for (const std::string& signer : signers) {
      any = co_await look_for_keys(i, signer) || any;
      if (proofs_[i].dkim) co_return;
    }
    if (any) co_return;
    // Which ones an account has may be its own matter.
    if (!known.dkim_hint.empty()) proofs_[i].unknown = true;
    subject_.warning(
        "DKIM",
        fmt::format("none of the selectors that {} is known to use is there: {}", upstream.name,
                    fmt::join(known.dkim_selectors, ", ")),
        known.dkim_hint.empty()
            ? fmt::format("authenticate {} in the account of {}, and add the records it shows",
                          domain_, upstream.name)
            : "look for " + known.dkim_hint);
  }

  /// Is there anything to tell of the selectors at this domain?
  Task<bool> look_for_keys(std::size_t i, const std::string& signer) {
    bool any = false;
    for (const std::string& selector : facts(i).dkim_selectors) {
      const std::string where = fmt::format("{}._domainkey.{}", selector, signer);
      const auto found = co_await texts_.find(where);
      const bool answered = found || found.error().code == ErrorCode::kNotFound;
      if (!answered) {
        subject_.warning("DKIM", found.error().text, "check the name servers, and run this again");
        proofs_[i].unknown = true;
        any = true;
        continue;
      }
      const std::optional<std::string> record = found ? key_in(*found) : std::nullopt;
      if (!record) continue;
      judge_key(i, where, *record);
      any = true;
    }
    co_return any;
  }

  static std::optional<std::string> key_in(const std::vector<std::string>& records) {
    const auto found = std::ranges::find_if(records, is_dkim_key);
    return found == records.end() ? std::nullopt : std::optional(*found);
  }

  void judge_key(std::size_t i, const std::string& where, const std::string& record) {
    const auto key = parse_dkim_key(record);
    if (!key) {
      subject_.fault("DKIM", fmt::format("{} is broken: {}", where, key.error()),
                     "copy the record again, whole, from the account of the provider");
    } else if (key->revoked) {
      subject_.fault("DKIM", fmt::format("{} is revoked: its key is empty", where),
                     "authenticate the domain again in the account of the provider");
    } else if (key->bits != 0 && key->bits < kLeastRsaBits) {
      subject_.fault("DKIM", fmt::format("{} has {} bits: receivers ignore it", where, key->bits),
                     "have the provider make a key of 2048 bits");
    } else {
      proofs_[i].dkim = true;
      subject_.ok("DKIM",
                  fmt::format("{} has a key of {} for {}{}", where,
                              key->bits != 0 ? fmt::format("{} bits", key->bits) : key->type,
                              upstreams_[i]->name, key->is_testing ? ", in test mode" : ""));
      if (key->bits != 0 && key->bits < kGoodRsaBits) {
        subject_.note("DKIM", fmt::format("{} is short", where), "prefer a key of 2048 bits");
      }
    }
  }

  void dmarc() {
    const DmarcSurvey& survey = dmarc_;
    if (survey.trouble) {
      subject_.warning("DMARC", *survey.trouble, "check the name servers, and run this again");
      return;
    }
    if (survey.at.empty()) {
      subject_.warning("DMARC",
                       "there is no record: large mailbox providers ask bulk senders for one",
                       fmt::format("begin with a TXT record at _dmarc.{}: v=DMARC1; p=none; "
                                   "rua=mailto:ADDRESS",
                                   domain_));
      return;
    }
    if (survey.fault) {
      subject_.fault("DMARC",
                     fmt::format("the record at _dmarc.{} is wrong: {}", survey.at, *survey.fault),
                     "mend it: receivers ignore it as it is");
      return;
    }
    subject_.ok("DMARC", fmt::format("{} (at _dmarc.{})", survey.record, survey.at));
    const DmarcPolicy policy = survey.policy_for(domain_);
    if (policy == DmarcPolicy::kNone) {
      subject_.note("DMARC", "the policy is \"none\": forged mail of this domain is not refused",
                    "when all your mail passes, ask for quarantine or reject");
    }
    for (std::size_t i = 0; i < upstreams_.size(); ++i) alignment(i, policy);
  }

  /// RFC 7489 section 4.2: either of SPF and DKIM must pass for the domain of From.
  void alignment(std::size_t i, DmarcPolicy policy) {
    const Upstream& upstream = *upstreams_[i];
    if (upstream.provider->capture) return;
    const Proof& proof = proofs_[i];
    if (proof.dkim || proof.spf) {
      subject_.ok(
          "DMARC",
          fmt::format("mail by {} passes: {}{}{} of {}", upstream.name, proof.dkim ? "DKIM" : "",
                      proof.dkim && proof.spf ? " and " : "", proof.spf ? "SPF" : "", domain_));
      return;
    }
    if (proof.unknown) {
      subject_.note(
          "DMARC", fmt::format("whether mail by {} passes cannot be seen from here", upstream.name),
          fmt::format("it passes if {} signs with d={}", upstream.name, domain_));
      return;
    }
    const std::string what =
        fmt::format("mail by {} shows neither SPF nor DKIM of {}, and the policy is \"{}\"",
                    upstream.name, domain_, name(policy));
    const std::string advice =
        fmt::format("authenticate {} in the account of {}", domain_, upstream.name);
    const Weight weight = policy == DmarcPolicy::kNone ? Weight::kWarning : Weight::kFault;
    subject_.add(weight, "DMARC", what, advice);
  }

  /// A record that is about mail to the domain, which is not ours to judge: it is shown.
  Task<void> shown(std::string_view check, std::string where, std::string_view version) {
    const auto found = co_await texts_.find(where);
    if (!found) {
      if (found.error().code == ErrorCode::kNotFound) {
        subject_.note(check,
                      fmt::format("there is none at {}; it is about mail to the domain", where));
      } else {
        subject_.note(check, found.error().text);
      }
      co_return;
    }
    for (const std::string& text : *found) {
      if (!has_version(text, version)) continue;
      const auto tags = parse_tags(text);
      if (tags) {
        subject_.ok(check, text);
      } else {
        subject_.warning(check, fmt::format("{} is wrong: {}", where, tags.error()), "mend it");
      }
    }
  }

  Texts& texts_;
  const std::string domain_;
  const std::vector<const Upstream*> upstreams_;
  std::vector<Proof> proofs_;  // as upstreams_
  DmarcSurvey dmarc_;
  Subject subject_;
};

}  // namespace

Task<void> examine_domain(Texts& texts, std::string domain,
                          std::vector<const config::Upstream*> upstreams, Report& report) {
  DomainExamination examination(texts, std::move(domain), std::move(upstreams), report);
  co_await examination.run();
}

}  // namespace sallyport::doctor
