"""The vocabulary of faces: English as captions have it, and Chinese.

Names are those of CelebA (Liu et al. 2015), where it has one. What an
attribute brings with it (`shows`) is written down, not learned: a beard hides
whether there is a goatee, and a hat whether there is hair.
"""

# Words of captions of faces: those of `data.layouts.face_wording`, and of
# other sets that are worded from CelebA's attributes.
WORDS = (
    "a aged an and arched attractive bags bald bangs beard beardless big black "
    "blond brown bushy cheekbones cheeks chin chubby dark double earrings "
    "eyebrows eyeglasses eyes face gray goatee hair hairline hat has he heavy "
    "her high his is light lipstick lips makeup man middle mouth mustache "
    "narrow necklace necktie nose of older on open opening oval pale photo "
    "pointy receding rosy she sideburns skin slightly smiling straight stubble "
    "the there this under wavy wearing wears who with woman young"
).split()

_COLORS = (
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Dark_Hair",
    "Gray_Hair",
    "Light_Brown_Hair",
)
_FACIAL_HAIR = ("5_o_Clock_Shadow", "Goatee", "Mustache", "Sideburns")


def _hair(shown, *free):
    """Hair of one color, so of no other; `free` may be seen in it too."""
    found = dict.fromkeys((*_COLORS, "Bald"), 0)
    return {**found, shown: 1, **_free(*free)}


def _free(*names):
    return dict.fromkeys(names)


# Name -> (phrases in English, in Chinese, group, what is seen).
_ATTRIBUTES = {
    "Smiling": (
        "smiling|there is a smile on his face|there is a smile on her face|"
        "a smile|smile|smiles|laughing|happy",
        "微笑着|微笑|笑着|笑容|笑|开心|高兴",
        None,
        {"Smiling": 1, **_free("High_Cheekbones", "Mouth_Slightly_Open")},
    ),
    "Mouth_Slightly_Open": (
        "slightly open mouth|opening the mouth slightly|open mouth|mouth open|"
        "mouth slightly open",
        "嘴巴微张|微微张嘴|微张的嘴|张着嘴|张嘴|张开嘴",
        None,
        {"Mouth_Slightly_Open": 1, **_free("Smiling")},
    ),
    "Black_Hair": (
        "black hair|black haired",
        "黑色的头发|黑色头发|黑头发|黑发",
        "hair color",
        _hair("Black_Hair", "Dark_Hair"),
    ),
    "Blond_Hair": (
        "blond hair|blonde hair|blond haired|blonde haired|blonde|blond|"
        "golden hair|yellow hair",
        "金黄色头发|金色的头发|金色头发|金头发|金发|黄头发",
        "hair color",
        _hair("Blond_Hair", "Light_Brown_Hair"),
    ),
    "Light_Brown_Hair": (
        "light brown hair",
        "浅棕色的头发|浅棕色头发|浅棕色的发|浅褐色头发",
        "hair color",
        _hair("Light_Brown_Hair", "Blond_Hair", "Brown_Hair"),
    ),
    "Brown_Hair": (
        "brown hair|brown haired|brunette",
        "棕色的头发|棕色头发|棕头发|棕发|褐色头发|褐发",
        "hair color",
        _hair("Brown_Hair", "Dark_Hair", "Light_Brown_Hair"),
    ),
    "Dark_Hair": (
        "dark hair|dark haired",
        "深色的头发|深色头发|深色发",
        "hair color",
        _hair("Dark_Hair", "Black_Hair", "Brown_Hair"),
    ),
    "Gray_Hair": (
        "gray hair|grey hair|white hair|gray haired|grey haired",
        "灰白的头发|灰白头发|灰色的头发|灰色头发|灰头发|灰发|白头发|白发",
        "hair color",
        {**_hair("Gray_Hair"), **_free("Young")},
    ),
    "Bald": (
        "bald|bald head|no hair on his head|no hair|hairless",
        "秃头|光头|秃顶|没有头发|没头发",
        "hair color",
        {
            "Bald": 1,
            **_free(*_COLORS, "Bangs", "Receding_Hairline", "Straight_Hair"),
            **_free("Wavy_Hair", "Wearing_Hat"),
        },
    ),
    "Straight_Hair": (
        "straight hair|straight",
        "直头发|直发",
        "hair form",
        {"Straight_Hair": 1, "Wavy_Hair": 0, **_free("Bald")},
    ),
    "Wavy_Hair": (
        "wavy hair|wavy|curly hair|curly|curls",
        "波浪发|卷头发|卷发",
        "hair form",
        {"Wavy_Hair": 1, "Straight_Hair": 0, **_free("Bald")},
    ),
    "Bangs": (
        "bangs|a fringe|fringe",
        "刘海",
        None,
        {"Bangs": 1, "Receding_Hairline": 0, **_free("Bald")},
    ),
    "Receding_Hairline": (
        "receding hairline|high forehead",
        "后移的发际线|发际线后移|发际线高|高额头",
        None,
        {"Receding_Hairline": 1, "Bangs": 0, **_free("Bald")},
    ),
    "Eyeglasses": (
        "eyeglasses|glasses|spectacles|specs",
        "戴着眼镜|戴眼镜|眼镜",
        None,
        {"Eyeglasses": 1, **_free("Bags_Under_Eyes", "Narrow_Eyes")},
    ),
    "Wearing_Hat": (
        "hat|a cap|cap",
        "戴着帽子|戴帽子|帽子",
        None,
        {
            "Wearing_Hat": 1,
            **_free(*_COLORS, "Bald", "Bangs", "Receding_Hairline"),
            **_free("Straight_Hair", "Wavy_Hair"),
        },
    ),
    "Beard": (
        "beard|bearded|full beard",
        "络腮胡|大胡子|留着胡子|留胡子|胡须|胡子",
        None,
        {"No_Beard": 0, **_free(*_FACIAL_HAIR)},
    ),
    "Mustache": (
        "mustache|moustache",
        "八字胡|小胡子|上唇胡",
        None,
        {"Mustache": 1, **_free("No_Beard", "Goatee", "5_o_Clock_Shadow")},
    ),
    "Goatee": (
        "goatee",
        "山羊胡",
        None,
        {"Goatee": 1, **_free("No_Beard", "Mustache", "5_o_Clock_Shadow")},
    ),
    "5_o_Clock_Shadow": (
        "stubble|light stubble|5 o'clock shadow|five o'clock shadow",
        "胡茬|胡渣",
        None,
        {"5_o_Clock_Shadow": 1, **_free("No_Beard", "Goatee", "Mustache")},
    ),
    "Sideburns": (
        "sideburns",
        "鬓角",
        None,
        {"Sideburns": 1, **_free("No_Beard")},
    ),
    "Young": (
        "young|younger|youthful",
        "变年轻|年轻",
        "age",
        {"Young": 1, "Gray_Hair": 0, **_free("Receding_Hairline")},
    ),
    "Middle_Aged": (
        "middle aged",
        "中年",
        "age",
        {"Young": 0, **_free("Gray_Hair", "Receding_Hairline")},
    ),
    "Older": (
        "older|old|elderly|aging|aged man|aged woman",
        "变老|年老|老年|老人|衰老|老",
        "age",
        {
            "Young": 0,
            **_free("Bags_Under_Eyes", "Double_Chin", "Receding_Hairline"),
            **_free(*_COLORS),
        },
    ),
    "Man": (
        "man|guy|male|gentleman|boy",
        "男人|男性|男子|男士|男孩|男的|男",
        "sex",
        {
            "Male": 1,
            **_free("Heavy_Makeup", "Wearing_Lipstick", "Wearing_Earrings"),
            **_free("Arched_Eyebrows", "Bushy_Eyebrows", "No_Beard"),
            **_free(*_FACIAL_HAIR),
        },
    ),
    "Woman": (
        "woman|lady|female|girl",
        "女人|女性|女子|女士|女孩|女的|女",
        "sex",
        {
            "Male": 0,
            **_free("Heavy_Makeup", "Wearing_Lipstick", "Wearing_Earrings"),
            **_free("Arched_Eyebrows", "Bushy_Eyebrows", "No_Beard"),
            **_free(*_FACIAL_HAIR),
        },
    ),
    "High_Cheekbones": (
        "high cheekbones",
        "高颧骨|颧骨高",
        None,
        {"High_Cheekbones": 1, **_free("Smiling")},
    ),
    "Big_Nose": (
        "big nose|large nose",
        "大鼻子",
        None,
        {"Big_Nose": 1, "Pointy_Nose": 0},
    ),
    "Pointy_Nose": (
        "pointy nose|pointed nose",
        "尖鼻子",
        None,
        {"Pointy_Nose": 1, "Big_Nose": 0},
    ),
    "Big_Lips": (
        "big lips|full lips|thick lips",
        "厚嘴唇|大嘴唇|丰满的嘴唇",
        None,
        {"Big_Lips": 1},
    ),
    "Narrow_Eyes": (
        "narrow eyes|small eyes",
        "细长的眼睛|小眼睛|眯着眼|眯眼",
        None,
        {"Narrow_Eyes": 1},
    ),
    "Bags_Under_Eyes": (
        "bags under the eyes|bags under his eyes|bags under her eyes|"
        "bags under eyes|eye bags",
        "眼袋",
        None,
        {"Bags_Under_Eyes": 1},
    ),
    "Arched_Eyebrows": (
        "arched eyebrows",
        "弯眉毛|弯眉|拱形眉毛|柳叶眉",
        None,
        {"Arched_Eyebrows": 1, **_free("Bushy_Eyebrows")},
    ),
    "Bushy_Eyebrows": (
        "bushy eyebrows|thick eyebrows",
        "浓眉毛|浓眉|粗眉毛",
        None,
        {"Bushy_Eyebrows": 1, **_free("Arched_Eyebrows")},
    ),
    "Double_Chin": (
        "double chin",
        "双下巴",
        None,
        {"Double_Chin": 1, **_free("Chubby")},
    ),
    "Chubby": ("chubby|plump", "胖乎乎|胖", None, {"Chubby": 1}),
    "Oval_Face": ("oval face", "鹅蛋脸|椭圆脸", None, {"Oval_Face": 1}),
    "Pale_Skin": ("pale skin", "苍白的皮肤|白皮肤", None, {"Pale_Skin": 1}),
    "Rosy_Cheeks": ("rosy cheeks", "红脸颊|脸颊红润", None, {"Rosy_Cheeks": 1}),
    "Attractive": (
        "attractive|beautiful|handsome",
        "漂亮|帅|好看",
        None,
        {"Attractive": 1},
    ),
    "Heavy_Makeup": (
        "heavy makeup|makeup",
        "浓妆|化妆",
        None,
        {"Heavy_Makeup": 1, **_free("Wearing_Lipstick", "Attractive")},
    ),
    "Wearing_Lipstick": (
        "lipstick",
        "涂口红|口红",
        None,
        {"Wearing_Lipstick": 1, **_free("Heavy_Makeup")},
    ),
    "Wearing_Earrings": (
        "earrings|an earring",
        "戴耳环|耳环",
        None,
        {"Wearing_Earrings": 1},
    ),
    "Wearing_Necklace": (
        "necklace",
        "戴项链|项链",
        None,
        {"Wearing_Necklace": 1},
    ),
    "Wearing_Necktie": (
        "necktie|a tie|tie",
        "系领带|打领带|领带",
        None,
        {"Wearing_Necktie": 1},
    ),
}

ATTRIBUTES = {
    name: {
        "phrases": [*english.split("|"), *chinese.split("|")],
        "group": group,
        "shows": shows,
    }
    for name, (english, chinese, group, shows) in _ATTRIBUTES.items()
}
