"""Bodies of the routes about profiles and their accounts."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.base import Instant, Provider
from streams.api.shapes import (
    AccountId,
    ApiModel,
    PlatformName,
    ProfileKey,
    Success,
    theirs,
)
from streams.api.states import Profile
from streams.conversation import switch
from streams.conversation.instants import from_ms
from streams.conversation.rules import Rules

Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Credential = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]


class CreateProfile(ApiModel):
    title: Title = Field(examples=["The shop"])
    messaging_active: bool = False
    ref_id: ProfileKey | None = Field(
        default=None,
        description="What the provider's webhooks call the profile (Ayrshare's refId): they are"
        " taken for this one then.",
    )


class ChangeProfile(ApiModel):
    """What is left out stays as it is."""

    title: Title | None = None
    messaging_active: bool | None = Field(
        default=None,
        description="After it is turned on, Facebook and Instagram must be linked again.",
        examples=[True],
    )
    messaging_conversation_monthly_limit: int | None = Field(
        default=None, ge=0, le=1_000_000, strict=True
    )
    month_zone: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None,
        description="IANA name: months begin at midnight there.",
        examples=["Europe/Berlin"],
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(value is not None for value in self.model_dump().values()):
            raise ValueError("at least one member is needed")
        return self


class LinkAccount(ApiModel):
    platform: PlatformName = Field(examples=["facebook"])
    account_id: AccountId = Field(
        description="Page id, Instagram account id or X user id, as webhooks name it.",
        examples=["1234567890"],
    )
    provider: Provider = Field(
        default="ayrshare", description="Whom webhooks come from and sends go to."
    )
    credential: Credential | None = Field(
        default=None,
        description="NAME, where the credential is DM_CREDENTIAL_NAME; only with a key"
        " for all profiles. Where it is left out: the account's own, else the provider's.",
    )


class UnlinkAccount(ApiModel):
    platform: PlatformName = Field(examples=["facebook"])
    account_id: AccountId | None = Field(
        default=None, description="Where it is left out: all of the profile on that network."
    )


class AccountShape(ApiModel):
    platform: str
    account_id: str
    provider: str
    linked: Instant
    messaging_active: bool = Field(description="Messages may go out from it.")


class ProfileShape(ApiModel):
    title: str | None = None
    ref_id: str
    profile_key: str
    messaging_active: bool
    created: Instant | None = None
    active_social_accounts: list[str] = Field(default_factory=list)
    accounts: list[AccountShape] = Field(default_factory=list)


class ProfileAnswer(ProfileShape):
    status: Success = "success"


class ProfilesAnswer(ApiModel):
    status: Success = "success"
    profiles: list[ProfileShape]
    count: int = Field(description="In this answer.")
    next: str | None = Field(default=None, description="For `next`; absent on the last page.")


class DeletedAnswer(ApiModel):
    status: Success = "success"
    ref_id: str


class AccountAnswer(ApiModel):
    status: Success = "success"
    platform: str
    account_id: str
    linked: bool


class DisplayName(ApiModel):
    """One linked account, as Ayrshare's GET /user lists them."""

    platform: str
    id: str
    messaging_active: bool
    linked: Instant


class CreatedAt(ApiModel):
    seconds: int = Field(alias="_seconds")
    nanoseconds: int = Field(alias="_nanoseconds")
    utc: Instant


class UserAnswer(ApiModel):
    status: Success = "success"
    title: str | None = None
    ref_id: str
    created: CreatedAt | None = None
    active_social_accounts: list[str]
    display_names: list[DisplayName]
    messaging_enabled: bool
    messaging_conversation_monthly_count: int = Field(
        description="Active conversations of this month, over all networks."
    )
    messaging_conversation_monthly_limit: int
    month_zone: str
    is_current: bool


def shape_of(profile: Profile, rules: Rules) -> ProfileShape:
    accounts = profile.accounts(rules)
    return ProfileShape(
        title=profile.title,
        ref_id=profile.reference or profile.id,
        profile_key=profile.id,
        messaging_active=switch.is_on(profile.state),
        created=profile.registered_at,
        active_social_accounts=sorted({theirs(one.platform) for one in accounts}),
        accounts=[
            AccountShape(
                platform=theirs(one.platform),
                account_id=one.account_id,
                provider=one.provider,
                linked=from_ms(one.linked_at),
                messaging_active=one.active,
            )
            for one in accounts
        ],
    )
