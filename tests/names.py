"""Vietnamese names made at random: family, middle and given names as people have them."""

import random

_FAMILY = """
    Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đào Đoàn Vương Trịnh Trương Đinh Lâm Phùng
    Mai Tô Hà Tạ Lưu Quách Thạch Kiều Châu Ninh Nghiêm Triệu Cao Khổng Bạch La Đàm Giáp Ông Ưng Ấu
"""
_MIDDLE = """
    Văn Thị Hữu Đức Thành Đình Thế Ngọc Quốc Xuân Thuý Minh Quang Thanh Bảo Gia Khánh Mỹ Ánh Như Phương
"""
_GIVEN = """
    Hương Lan Hạnh Hiền Phượng Hùng Dũng Hải Sơn Tuấn Việt Bình Tâm Thảo Thuỷ Yến Loan Kiều Diệu Tuyết Phúc Lộc Thọ Đào
    Ánh Quỳnh Duyên Khuê Nguyệt Thoa Ẩn Ước Ỷ Kỵ Luyện Khoẻ Hoà Huệ Giang Vượng Sửu Mẫn Trực Nghĩa Thắng Chiến Bưởi Ổi
    Ớt Quyền Xuyến Thuỵ Nhẫn Mười Bảy Tám Chín Sáu Út Hợi Tỵ Dậu Tuất Ngọ Mùi Thân
"""
FAMILY, MIDDLE, GIVEN = _FAMILY.split(), _MIDDLE.split(), _GIVEN.split()


def vietnamese_names(number: int, seed: int) -> list[str]:
    """So many PN values: half as people write names, half in capitals; always the same for a seed."""
    choice = random.Random(seed)
    names = []
    for index in range(number):
        middle = choice.sample(MIDDLE, choice.randint(1, 2))
        name = f"{choice.choice(FAMILY)}^{' '.join([*middle, choice.choice(GIVEN)])}"
        names.append(name.upper() if index % 2 else name)
    return names
