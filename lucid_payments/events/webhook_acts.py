"""What staff do to webhooks: switch an endpoint off and on, try it, and send again what it didn't take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse

from lucid_payments.audit import log
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.events import deliveries, webhooks
from lucid_payments.events.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from lucid_payments.events.selection import MOST, NoSelection, Selection

FIRST: Final = "Somebody was first. Nothing was done."
BY_STAFF: Final = "Switched off by staff."


class EndpointAct(Act):
    """An act on one endpoint."""

    def find(self, key: str) -> WebhookEndpoint:
        return _endpoint(WebhookEndpoint.objects.select_related("owner"), key)

    def lock(self, key: str) -> WebhookEndpoint:
        rows = WebhookEndpoint.objects.select_for_update(of=("self",)).select_related("owner")
        return _endpoint(rows, key)

    def facts(self, subject: WebhookEndpoint) -> dict[str, str]:
        return {
            "Owner": subject.owner.get_username(),
            "URL": subject.url,
            "State": state_in_words(subject),
            "Last success": f"{subject.last_success_at:%Y-%m-%d %H:%M:%S} UTC"
            if subject.last_success_at
            else "never",
        }

    def version(self, subject: WebhookEndpoint) -> str:
        """A success meanwhile changes nothing about the act."""
        return acts.fingerprint({"State": state_in_words(subject)})

    def allowed(self, user: Any, subject: WebhookEndpoint) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.deleted_at is not None:
            return Verdict(False, "Its owner has deleted it.")
        return verdict if not verdict else self.fits(subject)

    def fits(self, subject: WebhookEndpoint) -> Verdict:
        return acts.ALLOWED


class Disable(EndpointAct):
    kind = "webhook.disable"
    title = "Switch a webhook off"
    verb = "Switch off"

    def fits(self, subject: WebhookEndpoint) -> Verdict:
        return Verdict(False, "It is off already.") if subject.disabled_at else acts.ALLOWED

    def consequences(self, subject: WebhookEndpoint, data: Mapping[str, Any]) -> list[str]:
        return [
            "Nothing more is sent to it. What waits goes on waiting, and new events aren't kept for it.",
            "Its owner is told that staff switched it off, without your reason, and can read all events meanwhile.",
        ]

    def perform(self, subject: WebhookEndpoint, performance: Performance) -> Outcome:
        if not webhooks.disable(subject, BY_STAFF, actor=performance.actor, evidence=performance.evidence):
            raise ActRefused(FIRST)
        return Outcome(f"{subject} is switched off.", url_of(subject))


class Enable(EndpointAct):
    kind = "webhook.enable"
    title = "Switch a webhook on"
    verb = "Switch on"

    def fits(self, subject: WebhookEndpoint) -> Verdict:
        return acts.ALLOWED if subject.disabled_at else Verdict(False, "It is on.")

    def consequences(self, subject: WebhookEndpoint, data: Mapping[str, Any]) -> list[str]:
        waiting = subject.deliveries.filter(state=DeliveryState.WAITING).count()
        return [
            f"What waits is sent: {waiting} event{'' if waiting == 1 else 's'}.",
            "What happened while it was off isn't sent: its owner reads that by GET /events.",
        ]

    def perform(self, subject: WebhookEndpoint, performance: Performance) -> Outcome:
        if not webhooks.enable(subject, actor=performance.actor, evidence=performance.evidence):
            raise ActRefused(FIRST)
        return Outcome(f"{subject} is switched on.", url_of(subject))


class SendTest(EndpointAct):
    kind = "webhook.test"
    title = "Send a test to a webhook"
    verb = "Send a test"

    def fits(self, subject: WebhookEndpoint) -> Verdict:
        return Verdict(False, "It is off: switch it on first.") if subject.disabled_at else acts.ALLOWED

    def consequences(self, subject: WebhookEndpoint, data: Mapping[str, Any]) -> list[str]:
        return [
            "It gets one webhook.test within seconds, signed like any other. What it answers stands below."
        ]

    def perform(self, subject: WebhookEndpoint, performance: Performance) -> Outcome:
        event = webhooks.test(subject)
        _record("webhook.tested", subject, performance, {"event": event.event_id})
        return Outcome("The test is on its way.", url_of(subject))


class SendAgain(Act):
    kind = "webhook.again"
    title = "Send an event again"
    verb = "Send again"

    def find(self, key: str) -> WebhookDelivery:
        return _delivery(WebhookDelivery.objects.select_related("endpoint", "event"), key)

    def lock(self, key: str) -> WebhookDelivery:
        rows = WebhookDelivery.objects.select_for_update(of=("self",))
        return _delivery(rows.select_related("endpoint", "event"), key)

    def facts(self, subject: WebhookDelivery) -> dict[str, str]:
        return {
            "Event": f"{subject.event.type} {subject.event.event_id}",
            "To": subject.endpoint.url,
            "State": DeliveryState(subject.state).label,
            "Endpoint": state_in_words(subject.endpoint),
        }

    def allowed(self, user: Any, subject: WebhookDelivery) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.state == DeliveryState.WAITING:
            return Verdict(False, "It is being tried anyway.")
        if verdict and subject.endpoint.deleted_at is not None:
            return Verdict(False, "Its owner has deleted the endpoint.")
        return verdict

    def consequences(self, subject: WebhookDelivery, data: Mapping[str, Any]) -> list[str]:
        return [_SAME_ID, _when([subject.endpoint])]

    def perform(self, subject: WebhookDelivery, performance: Performance) -> Outcome:
        if not deliveries.send_again(WebhookDelivery.objects.filter(pk=subject.pk)):
            raise ActRefused(FIRST)
        about = {"event": subject.event.event_id}
        _record("webhook.sent_again", subject.endpoint, performance, about)
        url = reverse("admin:events_webhookdelivery_change", args=[subject.pk])
        return Outcome("It is on its way again.", url)


class SendManyAgain(Act):
    """On all ended deliveries of a selection, as many as were counted when the page was shown."""

    kind = "webhook.again_many"
    title = "Send events again"
    verb = "Send all of these again"

    def find(self, key: str) -> Selection:
        try:
            return Selection.of_key(key)
        except NoSelection:
            raise Http404("no such selection") from None

    def lock(self, key: str) -> Selection:
        selection = self.find(key)
        # So that the count that was looked at is what is sent.
        list(selection.ended().select_for_update(of=("self",)).order_by("pk").values_list("pk")[: MOST + 1])
        return selection

    def label(self, subject: Selection) -> str:
        return subject.words

    def facts(self, subject: Selection) -> dict[str, str]:
        rows = subject.ended()
        owners = rows.order_by("endpoint__owner__username").values_list("endpoint__owner__username")
        return {
            "Deliveries": f"{rows.count():,}",
            "Of these failed": f"{rows.filter(state=DeliveryState.FAILED).count():,}",
            "Endpoints": f"{rows.order_by().values('endpoint').distinct().count():,}",
            "Owners": ", ".join(name for (name,) in owners.distinct()[:10]) or "none",
        }

    def allowed(self, user: Any, subject: Selection) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if not verdict:
            return verdict
        count = subject.ended()[: MOST + 1].count()
        if count == 0:
            return Verdict(False, "Nothing of this has ended: there is nothing to send again.")
        if count > MOST:
            return Verdict(False, f"That is more than {MOST:,} at once: narrow it by days or owner.")
        return acts.ALLOWED

    def consequences(self, subject: Selection, data: Mapping[str, Any]) -> list[str]:
        endpoints = WebhookEndpoint.objects.filter(deliveries__in=subject.ended()).distinct()
        count = subject.ended().count()
        return [f"{count:,} event{' is' if count == 1 else 's are'} sent again.", _SAME_ID, _when(endpoints)]

    def perform(self, subject: Selection, performance: Performance) -> Outcome:
        pks = list(subject.ended().values_list("pk", flat=True))
        sent = deliveries.send_again(WebhookDelivery.objects.filter(pk__in=pks))
        _record("webhook.sent_many_again", None, performance, {"selection": subject.words, "count": sent})
        return Outcome(f"{sent:,} on their way again.", reverse("admin:events_webhookdelivery_changelist"))


_SAME_ID: Final = "The same webhook-id goes out again, so that a receiver that has it already can tell."


def _when(endpoints: Any) -> str:
    off = sum(1 for endpoint in endpoints if endpoint.disabled_at is not None)
    if off:
        return (
            f"To {off} of the endpoints, which {'is' if off == 1 else 'are'} off, it goes once switched on."
        )
    return "It goes within seconds, and is tried for four days as if it were new."


ON_AN_ENDPOINT = [acts.register(act) for act in (SendTest(), Disable(), Enable())]
AGAIN = acts.register(SendAgain())
MANY_AGAIN = acts.register(SendManyAgain())


def state_in_words(endpoint: WebhookEndpoint) -> str:
    if endpoint.deleted_at is not None:
        return "deleted by its owner"
    return f"off: {endpoint.disabled_because}" if endpoint.disabled_at else "on"


def url_of(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:events_webhookendpoint_change", args=[endpoint.webhook_id])


def _endpoint(rows: QuerySet[WebhookEndpoint], key: str) -> WebhookEndpoint:
    found = rows.filter(webhook_id=key).first() if "\0" not in key else None
    if found is None:
        raise Http404("no such webhook")
    return found


def _delivery(rows: QuerySet[WebhookDelivery], key: str) -> WebhookDelivery:
    found = rows.filter(pk=int(key)).first() if key.isascii() and key.isdigit() and len(key) < 19 else None
    if found is None:
        raise Http404("no such delivery")
    return found


def _record(
    action: str, subject: WebhookEndpoint | None, performance: Performance, about: Mapping[str, Any]
) -> None:
    log.record(
        action,
        actor=performance.actor,
        subject=subject,
        details={**about, **performance.evidence},
        request_id=performance.request_id,
    )
