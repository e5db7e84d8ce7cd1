"""Render a notification. Delivering it is the hub's work: this program has no network."""

from collections.abc import Mapping
from typing import Any

from commandcenter_agent import AgentError, Context, run
from notifying.rendering import LIMITS, compose, cut


def main(context: Context) -> Mapping[str, Any]:
    inputs = context.inputs
    given = inputs.get("channel", "inbox")
    channels = given if isinstance(given, list) else [given]
    unknown = [str(channel) for channel in channels if channel not in LIMITS]
    if unknown:
        raise AgentError(f"no channel {', '.join(unknown)}; there are {', '.join(LIMITS)}")
    message = compose(
        str(inputs["title"]),
        str(inputs.get("message", "")),
        str(inputs.get("format", "plain")),
        inputs.get("details"),
    )
    severity = str(inputs.get("severity", "info"))
    notifications = []
    for channel in dict.fromkeys(channels):
        limits = LIMITS[channel]
        title, body = cut(message.title, limits.title), cut(message.plain, limits.body)
        markdown = cut(message.markdown, limits.body)
        shortened = (title, body) != (message.title, message.plain)
        notifications.append(
            {
                "channel": channel,
                "to": inputs.get("to"),
                "title": title,
                "body": body,
                "markdown": markdown,
                "severity": severity,
                "truncated": shortened or markdown != message.markdown,
            }
        )
        context.log(f"rendered for {channel}: [{severity}] {title}")
    if message.masked:
        context.log(f"masked {message.masked} values that look like secrets")
    return {"delivered": False, "notifications": notifications, "masked": message.masked}


if __name__ == "__main__":
    run(main)
