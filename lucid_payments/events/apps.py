from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "lucid_payments.events"
    label = "events"
