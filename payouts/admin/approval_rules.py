"""Who must approve what, by the creator's role: the rules in force, and every version there was."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.acts.approval_rules import CHANGE, NOBODY, ROWS, means, name_of
from payouts.approvals import rules
from payouts.models.approval import ApprovalRule


class RoleFilter(ChoiceFilter):
    title = "Created by"
    parameters = ("creator_role",)
    options = [(role.value, role.label) for role in rules.CREATORS]


@admin.register(ApprovalRule, site=site)
class ApprovalRuleAdmin(RecordAdmin):
    area = Area.LIMITS
    title = "Approval rules"
    group = Group.LIMITS
    place = 22
    about = "Every version there was. Each is in force until the next one of its role; none is ever changed or deleted."
    page_template = "admin/payouts/approval_rule.html"
    change_list_template = "admin/payouts/approval_rules.html"
    list_filter = (RoleFilter,)
    list_display = ("name_shown", "since_shown", "author_shown", "second_shown", "reason_shown")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "in_force": [
                {
                    "name": name_of(rule),
                    "version": rule,
                    "url": self.url_of(rule),
                    "lines": [(row, row.show(rule)) for row in ROWS],
                    "button": acts.button(CHANGE.kind, rule.creator_role, request.user, rule),
                }
                for rule in rules.in_force().values()
            ],
            "nobody": NOBODY,
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def page_context(self, request: HttpRequest, row: ApprovalRule) -> dict[str, Any]:
        versions = ApprovalRule.objects.filter(creator_role=row.creator_role)
        before = versions.filter(version=row.version - 1).first()
        after = versions.filter(version=row.version + 1).first()
        return {
            "title": f"{name_of(row)}, version {row.version}",
            "until": after.created_at if after is not None else None,
            "before": before,
            "lines": [
                (
                    line.label,
                    line.show(before) if before is not None else "",
                    line.show(row),
                    means(before, row, line.field) if before is not None else "",
                )
                for line in ROWS
            ],
            "button": acts.button(
                CHANGE.kind, row.creator_role, request.user, rules.in_force()[row.creator_role]
            ),
        }

    @admin.display(description="Version")
    def name_shown(self, rule: ApprovalRule) -> str:
        return f"{Role(rule.creator_role).label}, version {rule.version}"

    @admin.display(description="In force from (UTC)")
    def since_shown(self, rule: ApprovalRule) -> SafeString | str:
        return formats.moment(rule.created_at)

    @admin.display(description="By")
    def author_shown(self, rule: ApprovalRule) -> str:
        return rule.author_label

    @admin.display(description="Confirmed by")
    def second_shown(self, rule: ApprovalRule) -> str:
        return rule.second_label

    @admin.display(description="Reason")
    def reason_shown(self, rule: ApprovalRule) -> str:
        return rule.reason
