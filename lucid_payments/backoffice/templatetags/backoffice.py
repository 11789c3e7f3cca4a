"""`formats` as template filters."""

from __future__ import annotations

from django import template

from lucid_payments.backoffice import formats

register = template.Library()
register.filter("usdt", formats.usdt)
register.filter("trx", formats.trx)
register.filter("count", formats.count)
register.filter("code", formats.code)
register.filter("moment", formats.moment)
register.filter("span", formats.span)
register.filter("pretty_json", formats.pretty_json)
register.filter("badge", formats.badge)
